// All operators: what bindings include.
#pragma once
#include "ops/copy.h"
#include "ops/create.h"
#include "ops/indexing.h"
#include "ops/inplace.h"
#include "ops/join.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/promote.h"
#include "ops/reduce.h"
#include "ops/views.h"
