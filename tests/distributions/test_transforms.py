"""Transforms: inverses, Jacobians against autograd, shapes; constraints and their registry."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

import lampas
from lampas import distributions as D
from lampas.distributions import biject_to, constraints, transform_to
from lampas.distributions.transforms import Transform


def t(*values: Any) -> lampas.Tensor:
    return lampas.tensor(values, dtype=lampas.float64)


SHAPE_OF = {"CorrCholeskyTransform": (6,), "LowerCholeskyTransform": (3, 3)}
TRANSFORMS: dict[str, Transform] = {
    "abs": D.AbsTransform(),
    "affine": D.AffineTransform(t(1, -2, 3), t(0.5, -2, 1)),
    "affine event": D.AffineTransform(1.0, -2.0, event_dim=1),
    "cat": D.CatTransform([D.ExpTransform(), D.TanhTransform()], dim=-1, lengths=[1, 2]),
    "compose": D.ComposeTransform([D.AffineTransform(1.0, 2.0), D.SigmoidTransform()]),
    "compose vectors": D.ComposeTransform(
        [D.AffineTransform(1.0, 2.0), D.StickBreakingTransform()]
    ),
    "corr": D.CorrCholeskyTransform(),
    "cdf": D.CumulativeDistributionTransform(D.Normal(t(0, 1, 2), t(1, 2, 3))),
    "exp": D.ExpTransform(),
    "identity": D.identity_transform,
    "independent": D.IndependentTransform(D.ExpTransform(), 1),
    "inverse": D.ExpTransform().inv,
    "lower": D.LowerCholeskyTransform(),
    "positive definite": D.PositiveDefiniteTransform(),
    "power": D.PowerTransform(t(2, -1, 0.5)),
    "reshape": D.ReshapeTransform((3,), (3, 1)),
    "sigmoid": D.SigmoidTransform(),
    "softmax": D.SoftmaxTransform(),
    "softplus": D.SoftplusTransform(),
    "stack": D.StackTransform([D.ExpTransform(), D.TanhTransform(), D.ExpTransform()], dim=-1),
    "stick": D.StickBreakingTransform(),
    "tanh": D.TanhTransform(),
}


def value_for(name: str, transform: Transform) -> lampas.Tensor:
    lampas.manual_seed(0)
    shape = {"corr": (2, 6), "lower": (2, 3, 3), "positive definite": (2, 3, 3)}.get(name, (2, 3))
    x = lampas.randn(shape, dtype=lampas.float64)
    if name in ("power", "inverse"):
        return x.exp()
    return x


def jacobian_of(transform: Transform, x: lampas.Tensor) -> lampas.Tensor:
    """The gradients of all elements of y, each of x's shape."""
    x = x.clone().requires_grad_()
    y = transform(x)
    rows = [
        lampas.autograd.grad(e, x, retain_graph=True, allow_unused=True)[0] for e in y.flatten()
    ]
    return lampas.stack([lampas.zeros_like(x) if g is None else g for g in rows]).view(
        *y.shape, *x.shape
    )


BY_NAME = pytest.mark.parametrize("name", list(TRANSFORMS))


@BY_NAME
def test_the_inverse_undoes_it(name: str) -> None:
    transform = TRANSFORMS[name]
    x = value_for(name, transform)
    y = transform(x)
    assert transform.codomain.check(y).all()
    assert y.shape == transform.forward_shape(x.shape)
    assert transform.inverse_shape(y.shape) == x.shape
    back = transform.inv(y)
    if transform.bijective:
        lampas.testing.assert_close(back, x)
    lampas.testing.assert_close(transform(back), y)
    assert transform.inv.inv is transform and transform.inv == transform.inv


@pytest.mark.parametrize("name", [n for n, f in TRANSFORMS.items() if f.bijective])
def test_log_abs_det_jacobian_is_autograds(name: str) -> None:
    transform = TRANSFORMS[name]
    x = value_for(name, transform)[0]
    y = transform(x)
    jacobian = jacobian_of(transform, x)
    # Slices keep their own terms, as in PyTorch.
    dims = 0 if name == "stack" else transform.domain.event_dim
    got = transform.log_abs_det_jacobian(x, y)
    lampas.testing.assert_close(transform.inv.log_abs_det_jacobian(y, x), -got)
    if dims == 0:
        expected = jacobian.diagonal().abs().log()
    else:
        matrix = jacobian.reshape(y.numel(), x.numel())
        if y.numel() != x.numel():  # elements that the others determine
            kept = lampas.tril_indices(4, 4, -1) if name == "corr" else None
            if kept is None:
                matrix = matrix[:-1]
            else:
                matrix = jacobian[kept[0], kept[1]]
        expected = lampas.linalg.slogdet(matrix).logabsdet
    lampas.testing.assert_close(got.reshape(expected.shape), expected)


@BY_NAME
def test_caches_return_the_very_value(name: str) -> None:
    transform = TRANSFORMS[name].with_cache()
    x = value_for(name, transform)
    assert transform.with_cache() is transform
    if not isinstance(transform, D.ComposeTransform) or transform.parts:
        y = transform(x)
        assert transform(x) is y and transform.inv(y) is x
    pickle.loads(pickle.dumps(transform))


def test_signs() -> None:
    assert D.ComposeTransform([D.ExpTransform(), D.AffineTransform(0.0, -1.0)]).sign == -1
    assert D.AffineTransform(0.0, t(-1, 2)).sign.tolist() == [-1, 1]
    assert D.PowerTransform(t(-1.0)).sign.tolist() == [-1]
    with pytest.raises(NotImplementedError, match="not monotone"):
        D.AbsTransform().sign


def test_equality() -> None:
    assert D.ExpTransform() == D.ExpTransform() != D.TanhTransform()
    assert D.ExpTransform().inv == D.ExpTransform().inv != D.ExpTransform()
    assert D.AffineTransform(1.0, t(2.0)) == D.AffineTransform(t(1.0), 2.0)
    assert D.AffineTransform(1.0, 2.0) != D.AffineTransform(1.0, 3.0)
    assert D.ComposeTransform([D.ExpTransform()]) == D.ComposeTransform([D.ExpTransform()])
    assert D.PowerTransform(2.0) == D.PowerTransform(2.0)


def test_representations() -> None:
    assert repr(D.ExpTransform()) == "ExpTransform()"
    assert repr(D.ExpTransform().inv) == "_InverseTransform(ExpTransform())"
    assert repr(D.IndependentTransform(D.ExpTransform(), 1)) == (
        "IndependentTransform(ExpTransform(), 1)"
    )
    assert "ExpTransform(),\n    TanhTransform()" in repr(
        D.ComposeTransform([D.ExpTransform(), D.TanhTransform()])
    )


def test_errors() -> None:
    with pytest.raises(ValueError, match="cache_size must be 0 or 1"):
        D.ExpTransform(cache_size=2)
    with pytest.raises(ValueError, match="different numbers of elements"):
        D.ReshapeTransform((2,), (3,))
    with pytest.raises(ValueError, match="Shape mismatch"):
        D.ReshapeTransform((2,), (1, 2))(lampas.zeros(3))
    with pytest.raises(ValueError, match="not a flattened lower-diagonal"):
        D.CorrCholeskyTransform().forward_shape((4,))
    with pytest.raises(AssertionError, match="must equal 2"):
        D.StackTransform([D.ExpTransform(), D.ExpTransform()])(lampas.zeros(3))
    with pytest.raises(ValueError, match="Too few dimensions"):
        D.IndependentTransform(D.ExpTransform(), 2)(lampas.zeros(3))


# ---- constraints ---------------------------------------------------------------------------------
MEMBERS: list[tuple[constraints.Constraint, Any, Any]] = [
    (constraints.boolean, [0.0, 1.0], [0.5]),
    (constraints.real, [0.0, float("inf")], [float("nan")]),
    (constraints.positive, [0.1], [0.0]),
    (constraints.nonnegative, [0.0], [-0.1]),
    (constraints.nonnegative_integer, [0, 3], [-1, 0.5]),
    (constraints.positive_integer, [1], [0]),
    (constraints.unit_interval, [0.0, 1.0], [1.1]),
    (constraints.half_open_interval(0.0, 1.0), [0.0], [1.0]),
    (constraints.integer_interval(1, 3), [1, 3], [0, 4, 1.5]),
    (constraints.less_than(2.0), [1.9], [2.0]),
    (constraints.greater_than_eq(2.0), [2.0], [1.9]),
    (constraints.one_hot, [[0, 1, 0]], [[1, 1, 0], [0.5, 0.5, 0]]),
    (constraints.simplex, [[0.2, 0.8]], [[0.2, 0.7], [-0.1, 1.1]]),
    (constraints.multinomial(3), [[1, 2]], [[2, 2], [-1, 2]]),
    (constraints.real_vector, [[0.0, 1.0]], [[0.0, float("nan")]]),
    (constraints.lower_triangular, [[[1.0, 0], [2, -3]]], [[[1.0, 1], [2, 3]]]),
    (constraints.lower_cholesky, [[[1.0, 0], [2, 3]]], [[[1.0, 0], [2, -3]]]),
    (constraints.corr_cholesky, [[[1.0, 0], [0.6, 0.8]]], [[[1.0, 0], [0.6, 0.9]]]),
    (constraints.square, [[[1.0, 0], [2, 3]]], [[[1.0, 0, 3], [2, 3, 4]]]),
    (constraints.symmetric, [[[1.0, 2], [2, 3]]], [[[1.0, 0], [2, 3]]]),
    (constraints.positive_semidefinite, [[[2.0, 1], [1, 2]]], [[[1.0, 2], [2, 1]]]),
    (constraints.positive_definite, [[[2.0, 1], [1, 2]]], [[[1.0, 2], [2, 1]], [[0.0, 0], [0, 0]]]),
]


@pytest.mark.parametrize(("constraint", "inside", "outside"), MEMBERS, ids=lambda c: str(c)[:30])
def test_membership(constraint: constraints.Constraint, inside: Any, outside: Any) -> None:
    assert constraint.check(lampas.tensor(inside, dtype=lampas.float64)).all()
    assert not constraint.check(lampas.tensor(outside, dtype=lampas.float64)).any()


def test_constraints_of_parts() -> None:
    both = constraints.stack([constraints.positive, constraints.unit_interval], dim=-1)
    assert both.check(t(2, 0.5)).tolist() == [True, True]
    assert both.check(t(-2, 1.5)).tolist() == [False, False]
    pieces = constraints.cat([constraints.positive, constraints.real], dim=-1, lengths=[1, 2])
    assert pieces.check(t(-1, -2, 3)).tolist() == [False, True, True]
    blocks = constraints.independent(constraints.positive, 1)
    assert blocks.check(t(1, 2)) and blocks.event_dim == 1
    with pytest.raises(ValueError, match="Expected value"):
        constraints.independent(constraints.positive, 2).check(t(1, 2))


def test_dependent_constraints() -> None:
    assert constraints.is_dependent(constraints.dependent)
    assert not constraints.is_dependent(constraints.real)
    with pytest.raises(ValueError, match="Cannot determine validity"):
        constraints.dependent.check(t(1.0))
    with pytest.raises(NotImplementedError, match="event_dim cannot be determined"):
        constraints.dependent.event_dim
    assert constraints.dependent(is_discrete=True, event_dim=1).event_dim == 1
    assert D.Uniform.support.event_dim == 0 and not D.Uniform.support.is_discrete


def test_representations_of_constraints() -> None:
    assert repr(constraints.real) == "Real()"
    assert repr(constraints.positive) == "GreaterThan(lower_bound=0.0)"
    assert repr(constraints.interval(0, 2)) == "Interval(lower_bound=0, upper_bound=2)"
    assert repr(constraints.real_vector) == "IndependentConstraint(Real(), 1)"
    assert repr(constraints.simplex) == "Simplex()"


BIJECTIONS = [
    (constraints.real, (3,)),
    (constraints.positive, (3,)),
    (constraints.greater_than(2.0), (3,)),
    (constraints.less_than(2.0), (3,)),
    (constraints.unit_interval, (3,)),
    (constraints.interval(-2.0, t(3, 4, 5)), (3,)),
    (constraints.simplex, (3,)),
    (constraints.corr_cholesky, (6,)),
    (constraints.independent(constraints.positive, 1), (3,)),
    (constraints.stack([constraints.positive, constraints.real], dim=-1), (2,)),
    (constraints.cat([constraints.positive, constraints.real], dim=-1), (2,)),
]
ONTO = [(constraints.lower_cholesky, (3, 3)), (constraints.positive_definite, (3, 3))]


@pytest.mark.parametrize(("constraint", "shape"), BIJECTIONS + ONTO, ids=lambda c: str(c)[:30])
def test_registry(constraint: constraints.Constraint, shape: tuple[int, ...]) -> None:
    x = lampas.randn((4, *shape), dtype=lampas.float64)
    assert constraint.check(transform_to(constraint)(x)).all()
    if (constraint, shape) in ONTO:
        return
    bijection = biject_to(constraint)
    assert bijection.bijective
    y = bijection(x)
    assert constraint.check(y).all()
    lampas.testing.assert_close(bijection.inv(y), x)


def test_registry_errors() -> None:
    with pytest.raises(NotImplementedError, match="Cannot transform _Boolean constraints"):
        biject_to(constraints.boolean)
    with pytest.raises(TypeError, match="Constraint subclass or instance"):
        biject_to.register(3, lambda c: D.ExpTransform())


def test_every_positive_parameter_can_be_optimized() -> None:
    """The way programs use the registry: free numbers, mapped into arg_constraints."""
    lampas.manual_seed(0)
    data = D.Gamma(t(3.0), t(2.0)).sample((500,))
    names = ("concentration", "rate")
    free = {n: lampas.zeros(1, dtype=lampas.float64, requires_grad=True) for n in names}
    optimizer = lampas.optim.Adam(list(free.values()), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        arguments = {n: transform_to(D.Gamma.arg_constraints[n])(v) for n, v in free.items()}
        (-D.Gamma(**arguments).log_prob(data).mean()).backward()
        optimizer.step()
    assert D.Gamma(**arguments).mean.item() == pytest.approx(data.mean().item(), rel=0.02)
