"""Special functions far and near, at poles and beside them, against values of mpmath."""

from __future__ import annotations

import math

import pytest

import lampas
from lampas import special

INF, NAN = math.inf, math.nan

# Arguments on both sides of every change of formula, and values.
ONE: dict[str, list[tuple[float, float]]] = {
    "bessel_j0": [
        (0.5, 0.9384698072408129),
        (-4.75, -0.25512082749137394),
        (6.0, 0.15064525725099692),
        (40.0, 0.00736689058423729),
        (12345.5, -0.0012413659758697551),
        (2000000.0, 3.9612851313854426e-05),
    ],
    "bessel_j1": [
        (0.5, 0.2422684576748739),
        (-4.75, 0.2891867986471104),
        (-6.0, 0.27668385812756563),
        (40.0, 0.126038318037585),
        (12345.5, -0.007072953487339537),
        (2000000.0, -0.0005627972077467921),
    ],
    "bessel_y0": [
        (1e-05, -7.40316028370197),
        (0.5, -0.44451873350670656),
        (4.75, -0.2612325032349756),
        (6.0, -0.28819468398157916),
        (40.0, 0.12593641705826092),
        (2000000.0, -0.0005627972176499873),
    ],
    "bessel_y1": [
        (1e-05, -63661.97727536548),
        (0.5, -1.471472392670243),
        (4.75, 0.22922559673872217),
        (6.0, -0.17501034430039825),
        (40.0, -0.005793505821549633),
        (2000000.0, -3.961299201316008e-05),
    ],
    "modified_bessel_i0": [
        (0.5, 1.0634833707413236),
        (-7.75, 338.5137537472759),
        (8.5, 683.1619269901156),
        (100.0, 1.0737517071310738e42),
        (710.0, 3.345334558619656e306),
    ],
    "modified_bessel_i1": [
        (0.5, 0.2578943053908963),
        (-7.75, -315.85248092400343),
        (-8.5, -641.6199025400667),
        (100.0, 1.0683693903381625e42),
        (710.0, 3.3429778585097626e306),
    ],
    "i0e": [
        (0.5, 0.6450352704491501),
        (-7.75, 0.1458122743089143),
        (8.5, 0.13900184305484758),
        (10000.0, 0.003989472674604732),
    ],
    "i1e": [
        (0.5, 0.1564208031848717),
        (-7.75, -0.1360511000803391),
        (-8.5, -0.13054935509459586),
        (10000.0, 0.003989273195983662),
    ],
    "modified_bessel_k0": [
        (1e-05, 11.628856980944363),
        (0.5, 0.9244190712276659),
        (1.75, 0.1553798123866036),
        (2.5, 0.06234755320036619),
        (40.0, 8.392861100099567e-19),
        (700.0, 4.669776431685377e-306),
    ],
    "modified_bessel_k1": [
        (1e-05, 99999.99993935571),
        (0.5, 1.656441120003301),
        (1.75, 0.19547745347439302),
        (2.5, 0.07389081634774707),
        (40.0, 8.497131954861039e-19),
        (700.0, 4.6731107967079664e-306),
    ],
    "scaled_modified_bessel_k0": [
        (0.5, 1.5241093857739094),
        (2.5, 0.7595486903280996),
        (10000.0, 0.012532984717699286),
    ],
    "scaled_modified_bessel_k1": [
        (0.5, 2.731009708211786),
        (2.5, 0.900174423907878),
        (10000.0, 0.012533611351270506),
    ],
    "spherical_bessel_j0": [
        (1e-05, 0.9999999999833333),
        (0.5, 0.958851077208406),
        (-40.0, 0.018627829011983718),
        (2000000.0, -3.27857157781735e-07),
    ],
    "erfcx": [
        (0.5, 0.6156903441929259),
        (3.0, 0.17900115118138996),
        (30.0, 0.01879588886141675),
        (10000.0, 5.641895807268084e-05),
        (-3.0, 16205.988853999586),
        (-26.0, 7.657724931490568e293),
    ],
    "ndtr": [
        (0.25, 0.5987063256829237),
        (-0.9, 0.18406012534675947),
        (1.5, 0.9331927987311419),
        (-10.0, 7.619853024160525e-24),
        (-37.0, 5.725571222524577e-300),
    ],
    "log_ndtr": [
        (0.25, -0.5129840754094305),
        (-0.9, -1.6924928065613383),
        (8.0, -6.220960574271786e-16),
        (-10.0, -53.23128515051247),
        (-1000.0, -500007.82669481216),
    ],
    "ndtri": [
        (0.05, -1.6448536269514726),
        (0.25, -0.6744897501960817),
        (0.501, 0.002506630899571766),
        (0.9375, 1.5341205443525463),
        (1e-09, -5.9978070150076865),
        (1e-20, -9.262340089798407),
        (1e-300, -37.0470962993612),
    ],
    "erfinv": [
        (1e-09, 8.862269254527581e-10),
        (0.25, 0.2253120550121781),
        (-0.7, -0.7328690779592167),
        (0.9375, 1.3171503349861307),
        (0.9999990463256836, 3.465505025803331),
        (-0.9999999999999991, -5.686128441310391),
    ],
    "gammaln": [
        (1e-09, 20.723265836369194),
        (0.25, 1.2880225246980774),
        (1.0009765625, -0.0005629031799912047),
        (1.9990234375, -0.0004125677359714894),
        (2.5, 0.2846828704729192),
        (9.5, 11.689333420797269),
        (1000000.0, 12815504.569147611),
        (-0.25, 1.589575312551186),
        (-2.5, -0.056243716497674054),
        (-2.45702473822, 1.2135890291600813e-12),
        (-30.25, -74.02239745035548),
    ],
    "digamma": [
        (1e-09, -1000000000.5772156),
        (0.25, -4.2274535333762655),
        (2.5, 0.7031566406452432),
        (9.5, 2.1977378764029494),
        (1000000.0, 13.815510057964191),
        (-0.25, 2.9141391202135276),
        (-30.25, 6.567526705172748),
    ],
}
TWO: dict[str, list[tuple[float, float, float]]] = {
    "zeta": [
        (1.5, 0.25, 10.213055360466601),
        (2.0, 1.0, 1.6449340668482264),
        (3.25, 40.0, 0.00011360285194115906),
        (30.0, 2.5, 1.1529691685630237e-12),
        (4.0, -2.5, 32.4579793698646),
    ],
    "gammainc": [
        (0.25, 0.5, 0.8464864041916775),
        (2.5, 6.0, 0.9652122194937581),
        (9.5, 8.0, 0.3427220017993561),
        (40.0, 45.0, 0.7916181799674072),
        (5000.0, 4900.0, 0.07794495622651391),
    ],
    "gammaincc": [
        (0.25, 0.5, 0.15351359580832247),
        (2.5, 6.0, 0.03478778050624185),
        (9.5, 8.0, 0.6572779982006439),
        (40.0, 45.0, 0.20838182003259278),
        (5000.0, 5100.0, 0.07932888107761897),
    ],
    "polygamma": [
        (1, 0.25, 17.19732915450711),
        (1, 30.0, 0.033895060357739946),
        (1, -2.25, 19.37941051186914),
        (2, 2.5, -0.2362040516417274),
        (3, -2.25, 1558.4550231887144),
        (7, 0.5, 1290440.218185598),
    ],
}
# Those whose zeros are crossed: there the error is an absolute one.
_ABSOLUTE = {"bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "spherical_bessel_j0", "digamma"}


def _close(found: list[float], wanted: list[float], tolerance: float, absolute: bool) -> None:
    for y, want in zip(found, wanted, strict=True):
        assert abs(y - want) <= tolerance * max(abs(want), 1.0 if absolute else 0.0), (y, want)


@pytest.mark.parametrize("name", ONE)
def test_functions_of_one_argument(name: str) -> None:
    xs, ys = ([row[i] for row in ONE[name]] for i in (0, 1))
    x = lampas.tensor(xs, dtype=lampas.float64)
    _close(getattr(special, name)(x).tolist(), ys, 3e-15, name in _ABSOLUTE)


@pytest.mark.parametrize("name", ONE)
def test_functions_in_float32_are_those_of_float64_rounded(name: str) -> None:
    x = lampas.tensor([row[0] for row in ONE[name]], dtype=lampas.float32)
    function = getattr(special, name)
    assert function(x).equal(function(x.double()).float())


@pytest.mark.parametrize("name", TWO)
def test_functions_of_two_arguments(name: str) -> None:
    for a, x, y in TWO[name]:
        first = a if name == "polygamma" else lampas.tensor([a], dtype=lampas.float64)
        found = getattr(special, name)(first, lampas.tensor([x], dtype=lampas.float64))
        _close(found.tolist(), [y], 1e-14, False)


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("bessel_j0", {0.0: 1, INF: 0, -INF: 0, NAN: NAN}),
        ("bessel_j1", {0.0: 0, INF: 0, NAN: NAN}),
        ("bessel_y0", {0.0: -INF, -1.0: NAN, INF: 0, NAN: NAN}),
        ("bessel_y1", {0.0: -INF, -1.0: NAN, INF: 0, NAN: NAN}),
        ("i0", {0.0: 1, INF: INF, -INF: INF, NAN: NAN}),
        ("i1", {0.0: 0, INF: INF, -INF: -INF, NAN: NAN}),
        ("i0e", {0.0: 1, INF: 0, -INF: 0, NAN: NAN}),
        ("i1e", {0.0: 0, INF: 0, NAN: NAN}),
        ("modified_bessel_k0", {0.0: INF, -1.0: NAN, INF: 0, NAN: NAN}),
        ("modified_bessel_k1", {0.0: INF, -1.0: NAN, INF: 0, NAN: NAN}),
        ("scaled_modified_bessel_k0", {0.0: INF, -1.0: NAN, INF: 0, NAN: NAN}),
        ("scaled_modified_bessel_k1", {0.0: INF, -1.0: NAN, INF: 0, NAN: NAN}),
        ("spherical_bessel_j0", {0.0: 1, INF: 0, NAN: NAN}),
        ("erfcx", {INF: 0, -INF: INF, -30.0: INF, NAN: NAN}),
        ("ndtr", {0.0: 0.5, INF: 1, -INF: 0, NAN: NAN}),
        ("log_ndtr", {INF: 0, -INF: -INF, NAN: NAN}),
        ("ndtri", {0.0: -INF, 1.0: INF, 0.5: 0, -0.1: NAN, 1.1: NAN, NAN: NAN}),
        ("erfinv", {0.0: 0, 1.0: INF, -1.0: -INF, 1.1: NAN, -1.1: NAN, NAN: NAN}),
        ("gammaln", {0.0: INF, 1.0: 0, 2.0: 0, -3.0: INF, INF: INF, -INF: INF, NAN: NAN}),
        ("digamma", {-3.0: NAN, INF: INF, -INF: NAN, NAN: NAN}),
    ],
)
@pytest.mark.parametrize("dtype", [lampas.float32, lampas.float64])
def test_ends_and_poles(name: str, at: dict[float, float], dtype: lampas.dtype) -> None:
    for x, want in at.items():
        y = getattr(special, name)(lampas.tensor([x], dtype=dtype)).item()
        assert y == want or (math.isnan(y) and math.isnan(want)), (x, y)


def test_signs_at_zero() -> None:
    zeros = lampas.tensor([0.0, -0.0], dtype=lampas.float64)
    assert special.digamma(zeros).tolist() == [-INF, INF]
    assert special.erfinv(zeros).signbit().tolist() == [False, True]


def test_poles_of_zeta_and_its_derivatives() -> None:
    q = lampas.tensor([0.0, -2.0, 1e-300, 5.0], dtype=lampas.float64)
    assert special.zeta(2.0, q).tolist()[:3] == [INF, INF, INF]
    assert special.polygamma(1, q).tolist()[:3] == [INF, INF, INF]
    assert special.polygamma(2, q).tolist()[:3] == [-INF, -INF, -INF]
    assert special.zeta(1.0, q).tolist() == [INF] * 4
    assert special.zeta(0.5, q).isnan().all()


def test_incomplete_gamma_functions_at_the_ends() -> None:
    a = lampas.tensor([0.0, 2.0, 2.0, 2.0, INF, -1.0, 2.0], dtype=lampas.float64)
    x = lampas.tensor([1.0, 0.0, INF, 1e300, 1.0, 1.0, -1.0], dtype=lampas.float64)
    assert special.gammainc(a, x).tolist()[:5] == [1, 0, 1, 1, 0]
    assert special.gammaincc(a, x).tolist()[:5] == [0, 1, 0, 0, 1]
    assert special.gammainc(a, x)[5:].isnan().all()
    # Neighbours that take many more steps change nothing.
    slow = special.gammaincc(lampas.full((65,), 3e4), lampas.full((65,), 3e4 + 2))
    mixed = lampas.full((65,), 3e4), lampas.full((65,), 3e4 + 2)
    mixed[0][7], mixed[1][7] = 2.0, 5.5
    found = special.gammaincc(*mixed)
    assert found[7] == special.gammaincc(lampas.tensor(2.0), lampas.tensor(5.5))
    assert found[8:].equal(slow[8:])


@pytest.mark.parametrize("degree", [2, 7, 64, 65, 200])
def test_chebyshev_polynomials_of_high_degree(degree: int) -> None:
    x = lampas.linspace(-0.99, 0.99, 101, dtype=lampas.float64)
    want = (degree * x.acos()).cos()
    assert (special.chebyshev_polynomial_t(x, degree) - want).abs().max() < 1e-12
    both = special.chebyshev_polynomial_t(x[:, None], lampas.tensor([3.0, degree, -1.0, 2.9]))
    assert (both[:, 1] - want).abs().max() < 1e-12
    assert both[:, 2].eq(0).all()
    assert both[:, 3].equal(special.chebyshev_polynomial_t(x, 2))


def test_underivable_functions_say_so() -> None:
    x = lampas.rand(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="special_bessel_j0 is not implemented"):
        special.bessel_j0(x).sum().backward()
    with pytest.raises(RuntimeError, match="shifted_chebyshev_polynomial_w is not implemented"):
        special.shifted_chebyshev_polynomial_w(x, 3).sum().backward()
    with pytest.raises(RuntimeError, match="first argument"):
        special.zeta(x + 2, 1.0).sum().backward()
    with pytest.raises(NotImplementedError, match="igammac"):
        special.gammaincc(x, lampas.ones(3)).sum().backward()
