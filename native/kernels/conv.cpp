// The family's entry in the table.
#include "kernels/conv_direct.h"
#include "kernels/table.h"

namespace lampas::kernels::LAMPAS_ISA {

void fill_conv(Table& t) {
  fill_conv_depthwise(t.conv);
  fill_conv_direct(t.conv);
}

}  // namespace lampas::kernels::LAMPAS_ISA
