// Bessel functions of orders 0 and 1, in double. Each has two forms, near zero and far from it, for
// blocks of elements that need but one of them (special_loop.h).
//
// J and Y: the rational approximations of S. Moshier, Cephes Mathematical Library 2.8 (2000), whose
// errors are absolute ones. I and K: Chebyshev interpolants of power series and of what is left
// when Hankel's leading term is divided out (DLMF 10.25 to 10.40), to 1e-17.
#pragma once
#include "kernels/simd/trigonometry.h"

namespace lampas::kernels::LAMPAS_ISA {

// ---- first and second kind ---------------------------------------------------------------------
template <int kOrder>
LAMPAS_INLINE double bessel_j_near(double x) {
  const double z = x * x;
  if constexpr (kOrder == 0) {
    const double p = poly(z, 9.70862251047306323952e15, -2.49248344360967716204e14,
                          1.95617491946556577543e12, -4.79443220978201773821e9);
    const double q =
        poly(z, 1.71086294081043136091e18, 3.18121955943204943306e16, 3.10518229857422583814e14,
             2.11277520115489217587e12, 1.11855537045356834862e10, 4.84409658339962045305e7,
             1.73785401676374683123e5, 4.99563147152651017219e2, 1.);
    const double y = (z - 5.78318596294678452118) * (z - 30.4712623436620863991) * (p / q);
    return z < 1e-10 ? 1 - z / 4 : y;
  } else {
    const double p = poly(z, 3.68295732863852883286e15, -7.27494245221818276015e13,
                          4.52228297998194034323e11, -8.99971225705559398224e8);
    const double q =
        poly(z, 5.32278620332680085395e18, 8.95222336184627338078e16, 7.84369607876235854894e14,
             4.74914122079991414898e12, 2.21511595479792499675e10, 8.35146791431949253037e7,
             2.56987256757748830383e5, 6.20836478118054335476e2, 1.);
    return x * (z - 14.6819706421238932572) * (z - 49.2184563216946036703) * (p / q);
  }
}
template <int kOrder>
LAMPAS_INLINE double bessel_y_near(double x) {
  constexpr double two_by_pi = 0.63661977236758134308;
  const double z = x * x, wave = log_(x) * bessel_j_near<kOrder>(x);
  if constexpr (kOrder == 0) {
    const double p =
        poly(z, -1.84950800436986690637e16, 4.42733268572569800351e16, -3.46628303384729719441e15,
             8.75906394395366999549e13, -9.82136065717911466409e11, 5.43526477051876500413e9,
             -1.46639295903971606143e7, 1.55924367855235737965e4);
    const double q =
        poly(z, 2.50596256172653059228e17, 3.17157752842975028269e15, 2.02979612750105546709e13,
             8.64002487103935000337e10, 2.68919633393814121987e8, 6.26107330137134956842e5,
             1.04128353664259848412e3, 1.);
    return p / q + two_by_pi * wave;
  } else {
    const double p =
        poly(z, -7.78877196265950026825e17, 2.02439475713594898196e17, -8.12770255501325109621e15,
             1.14509511541823727583e14, -6.47355876379160291031e11, 1.26320474790178026440e9);
    const double q =
        poly(z, 3.97270608116560655612e18, 6.87141087355300489866e16, 6.20557727146953693363e14,
             3.88231277496238566008e12, 1.87601316108706159478e10, 7.34811944459721705660e7,
             2.35564092943068577943e5, 5.94301592346128195359e2, 1.);
    return x == 0. ? -kInf<double> : x * (p / q) + two_by_pi * (wave - 1 / x);
  }
}

// Hankel's expansion from the sine and cosine of x. Those of x - pi/4 are their sum and difference:
// nothing is rounded before.
template <int kOrder, bool kSecond>
LAMPAS_INLINE double hankel(double x, double s, double c) {
  const double w = 5 / x, z = w * w;
  double even, odd;
  if constexpr (kOrder == 0) {
    even = poly(z, 9.99999999999999997821e-1, 5.30324038235394892183, 8.74716500199817011941,
                5.44725003058768775090, 1.23953371646414299388, 8.28352392107440799803e-2,
                7.96936729297347051624e-4) /
           poly(z, 1.00000000000000000218, 5.30605288235394617618, 8.76190883237069594232,
                5.47097740330417105182, 1.25352743901058953537, 8.56288474354474431428e-2,
                9.24408810558863637013e-4);
    odd = poly(z, -6.05014350600728481186, -5.14105326766599330220e1, -1.47077505154951170175e2,
               -1.77681167980488050595e2, -9.32060152123768231369e1, -1.95539544257735972385e1,
               -1.28252718670509318512, -1.13663838898469149931e-2) /
          poly(z, 2.42005740240291393179e2, 2.06209331660327847417e3, 5.93072701187316984827e3,
               7.24046774195652478189e3, 3.88240183605401609683e3, 8.56430025976980587198e2,
               6.43178256118178023184e1, 1.);
  } else {
    even = poly(z, 1.00000000000000000254, 5.21451598682361504063, 8.42404590141772420927,
                5.11207951146807644818, 1.12719608129684925192, 7.31397056940917570436e-2,
                7.62125616208173112003e-4) /
           poly(z, 9.99999999999999997461e-1, 5.20982848682361821619, 8.39985554327604159757,
                5.07386386128601488557, 1.10514232634061696926, 6.88455908754495404082e-2,
                5.71323128072548699714e-4);
    odd = poly(z, 2.52070205858023719784e1, 2.11688757100572135698e2, 5.97489612400613639965e2,
               7.10856304998926107277e2, 3.66779609360150777800e2, 7.58238284132545283818e1,
               4.98213872951233449420, 5.10862594750176621635e-2) /
          poly(z, 3.36093607810698293419e2, 2.82619278517639096600e3, 7.99704160447350683650e3,
               9.56231892404756170795e3, 4.98641058337653607651e3, 1.05644886038262816351e3,
               7.42373277035675149943e1, 1.);
  }
  odd *= w;
  const double cosine = kOrder == 0 ? c + s : s - c, sine = kOrder == 0 ? s - c : -(c + s);
  const double wave = kSecond ? even * sine + odd * cosine : even * cosine - odd * sine;
  return wave * 0.56418958354775628695 / sqrt_(x);
}
template <int kOrder, bool kSecond>
LAMPAS_INLINE double hankel_bounded(double x) {
  const Angle<double> g = reduce_angle(x);
  const double s = g.quadrant & 1 ? g.cos : g.sin, c = g.quadrant & 1 ? g.sin : g.cos;
  return hankel<kOrder, kSecond>(x, g.quadrant & 2 ? -s : s, (g.quadrant + 1) & 2 ? -c : c);
}

template <int kOrder>
struct BesselJ {
  LAMPAS_INLINE static bool is_near(double x) { return magnitude(x) <= 5.; }
  LAMPAS_INLINE static double near(double x) { return bessel_j_near<kOrder>(x); }
  LAMPAS_INLINE static double far(double x) {
    const double y = hankel_bounded<kOrder, false>(magnitude(x));
    return kOrder == 1 && x < 0. ? -y : y;
  }
  // Beyond the bound of reduce_angle.
  static bool is_hard(double x, double) { return magnitude(x) >= kTrigLimit; }
  static double hard(double x) {
    const double a = magnitude(x);
    if (a == kInf<double>) return 0;
    const double y = hankel<kOrder, false>(a, std::sin(a), std::cos(a));
    return kOrder == 1 && x < 0. ? -y : y;
  }
};
template <int kOrder>
struct BesselY {
  LAMPAS_INLINE static bool is_near(double x) { return x <= 5.; }
  LAMPAS_INLINE static double near(double x) { return bessel_y_near<kOrder>(x); }
  LAMPAS_INLINE static double far(double x) { return hankel_bounded<kOrder, true>(x); }
  static bool is_hard(double x, double) { return x >= kTrigLimit; }
  static double hard(double x) {
    return x == kInf<double> ? 0 : hankel<kOrder, true>(x, std::sin(x), std::cos(x));
  }
};

struct SphericalJ0 {
  LAMPAS_INLINE static double at(double x) { return x == 0. ? 1. : sin_bounded(x) / x; }
  static bool is_hard(double x, double) { return magnitude(x) >= kTrigLimit; }
  static double hard(double x) { return magnitude(x) == kInf<double> ? 0 : std::sin(x) / x; }
};

// ---- modified functions ------------------------------------------------------------------------
template <int kOrder, bool kScaled>
struct BesselI {
  LAMPAS_INLINE static bool is_near(double x) { return magnitude(x) <= 8.; }
  LAMPAS_INLINE static double near(double x) {
    const double a = 0.25 * x * x;
    double y;
    if constexpr (kOrder == 0)
      y = poly(a, 1., 1.0, 0.25, 0.027777777777777762, 0.001736111111111147, 6.944444444440493e-05,
               1.929012345705309e-06, 3.936759887993035e-08, 6.151187361364193e-10,
               7.594057685381156e-12, 7.594070019494474e-14, 6.275948796822122e-16,
               4.359498405380122e-18, 2.5722398177811744e-20, 1.3440225063774028e-22,
               5.062353740472856e-25, 3.548836657975522e-27);
    else
      y = 0.5 * x *
          poly(a, 1., 0.5, 0.08333333333333333, 0.006944444444444443, 0.0003472222222222242,
               1.1574074074071924e-05, 2.755731922412906e-07, 4.920949860801085e-09,
               6.834652604146068e-11, 7.594058023571055e-13, 6.9036957952589725e-15,
               5.2299955491802355e-17, 3.353212008562119e-19, 1.8384424828664606e-21,
               8.926111154793565e-24, 3.225202860362286e-26, 2.037850369395233e-28);
    return kScaled ? y * exp_(-magnitude(x)) : y;
  }
  LAMPAS_INLINE static double far(double x) {
    const double a = magnitude(x), u = 16 / a - 1;
    double y;
    if constexpr (kOrder == 0)
      y = poly(u, 0.4021765094450081, 0.0033605519836678944, 0.00013621607439186708,
               1.1143033787545385e-05, 1.4838475687894183e-06, 2.9735996224528796e-07,
               8.872214307613408e-08, 3.9324376993714876e-08, 2.1548893599865086e-08,
               7.566352505451841e-09, -6.7505521689879424e-09, -1.3466293062334215e-08,
               -5.394457194076617e-09, 7.737147494438558e-09, 7.406236265306358e-09,
               -3.905231842240315e-09, -5.915562699962266e-09, 2.105310152196092e-09,
               3.5985387550122263e-09, -1.1448814234502148e-09, -1.5930372742042742e-09,
               5.122230122850334e-10, 4.478925663704219e-10, -1.506618861192996e-10,
               -5.905038163011649e-11, 2.082097199133551e-11);
    else
      y = poly(u, 0.38939845902587233, -0.009749577193235768, -0.00021923576383382282,
               -1.503854719735857e-05, -1.8349101357990634e-06, -3.483856740123897e-07,
               -1.0001282610386943e-07, -4.312778919969647e-08, -2.3374467850765422e-08,
               -8.438800927520014e-09, 6.737493294345514e-09, 1.4088520891308884e-08,
               5.96364636016014e-09, -7.81696882978853e-09, -7.863006184135726e-09,
               3.803816449833894e-09, 6.202986722241282e-09, -1.9920791652131466e-09,
               -3.753446397752772e-09, 1.0715558798357877e-09, 1.6577668924475893e-09,
               -4.798773506929793e-10, -4.6561689362285214e-10, 1.4176600003837512e-10,
               6.13594938703389e-11, -1.9677249662554638e-11);
    y /= sqrt_(a);
    if constexpr (!kScaled) {
      // In halves: the product is within the range of numbers a little longer than exp(a).
      const double e = exp_(0.5 * a);
      y = a == kInf<double> ? a : y * e * e;
    }
    return kOrder == 1 && x < 0. ? -y : y;
  }
};

// I_order(x) of small arguments by q = x^2 / 4, over x / 2 for order 1, and what is left of K when
// its logarithm (and 1 / x) is taken away.
template <int kOrder>
LAMPAS_INLINE double bessel_k_near(double x) {
  const double q = 0.25 * x * x, l = log_(0.5 * x);
  if constexpr (kOrder == 0) {
    const double i = poly(q, 1., 1.0, 0.2499999999999999, 0.027777777777780375,
                          0.0017361111110844624, 6.94444445813854e-05, 1.9290119505645932e-06,
                          3.9368268050700386e-08, 6.144592166762382e-10, 7.943309104862665e-12);
    const double rest =
        poly(q, -0.5772156649015329, 0.4227843350984672, 0.23069608377461445, 0.03489215745646892,
             0.002614787618610217, 0.00011848039436836223, 3.612622452747443e-06,
             7.935328137352067e-08, 1.3147877336324059e-09, 1.8015293331696398e-11);
    return rest - l * i;
  } else {
    const double i = poly(q, 1., 0.5, 0.08333333333333333, 0.00694444444444468,
                          0.00034722222221980696, 1.1574074086486445e-05, 2.7557315642286986e-07,
                          4.921010530513318e-09, 6.8286713919421e-11, 7.910982742163e-13);
    const double rest = poly(q, 0.07721566490153287, -0.33639216754923357, -0.0907875834804276,
                             -0.009591094919668053, -0.0005576797459652587, -2.071123851351581e-05,
                             -5.357728046138563e-07, -1.0226643974751503e-08,
                             -1.499212334535999e-10, -1.8326071539913413e-12);
    return x == 0. ? kInf<double> : 1 / x + 0.5 * x * (rest + l * i);
  }
}
template <int kOrder, bool kScaled>
struct BesselK {
  LAMPAS_INLINE static bool is_near(double x) { return x <= 2.; }
  LAMPAS_INLINE static double near(double x) {
    const double y = bessel_k_near<kOrder>(x);
    return kScaled ? y * exp_(x) : y;
  }
  LAMPAS_INLINE static double far(double x) {
    const double u = 4 / x - 1;
    double y;
    if constexpr (kOrder == 0)
      y = poly(u, 1.2185953385133905, -0.03107146182488956, 0.0030328918102739684,
               -0.00047976905676177953, 9.95605474833179e-05, -2.473520469856151e-05,
               7.002244501469854e-06, -2.1911758298158814e-06, 7.427907784929485e-07,
               -2.689222882101184e-07, 1.0289639495514684e-07, -4.126177693056258e-08,
               1.7243919486226528e-08, -7.536587919571339e-09, 3.3817802903756824e-09,
               -1.3876925452165377e-09, 6.354560597694219e-10, -6.19955377160385e-10,
               3.360195816719327e-10, 2.3064033964405703e-10, -1.472844638563888e-10,
               -2.71854364299908e-10, 1.6222643666724992e-10, 1.1023898044608679e-10,
               -6.667676805752231e-11, -2.8693049171860142e-11, 1.7088091602994506e-11);
    else
      y = poly(u, 1.363151890371342, 0.10334973775386527, -0.005566729880073119,
               0.0007357241549033262, -0.0001395902196312159, 3.28438657068089e-05,
               -8.96120614398344e-06, 2.73003931168027e-06, -9.067203469612786e-07,
               3.2299816462037967e-07, -1.219688795067239e-07, 4.837802386556985e-08,
               -2.0031192903927542e-08, 8.680511006575475e-09, -3.86764387075988e-09,
               1.5871116313418612e-09, -7.237465098138615e-10, 6.857859248283152e-10,
               -3.6979880002823807e-10, -2.4610190645570503e-10, 1.5739303945667333e-10,
               2.945269891421564e-10, -1.754037725101976e-10, -1.1908900034003334e-10,
               7.1921009035841e-11, 3.109186281922316e-11, -1.848303606967482e-11);
    y /= sqrt_(x);
    return kScaled ? y : y * exp_(-x);
  }
};

}  // namespace lampas::kernels::LAMPAS_ISA
