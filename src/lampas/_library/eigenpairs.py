"""A few eigenvalues of a large symmetric matrix, without decomposing it.

Knyazev 2001, "Toward the Optimal Preconditioned Eigensolver", method "basic"; method "ortho" keeps
the basis orthonormal as in Stathopoulos and Wu 2002, "A Block Orthogonalization Procedure with
Constant Synchronization Requirements".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lampas import _C
from lampas._C import Tensor
from lampas._library import listed

_ORTHO = {
    "i_max": 3, "j_max": 3, "tau_ortho": None, "tau_drop": None, "tau_replace": None,
    "use_drop": False,
}  # fmt: skip


class _Worker:
    """The state of an iteration, as a tracker sees it; all arrays are those of one matrix."""

    def __init__(self, A: Any, B: Any, X: Any, iK: Any, options: dict[str, Any]) -> None:
        self.A, self.B, self.X, self.iK = A, B, X, iK
        self.method, self.largest = options["method"], options["largest"]
        self.iparams = {"m": A.shape[0], "n": X.shape[1], "k": options["k"],
                        "niter": options["niter"]}  # fmt: skip
        self.fparams = {"tol": options["tol"]}
        self.ortho = options["ortho"]
        self.ivars = {"istep": 0, "converged_count": 0}
        self.tvars: dict[str, Any] = {}
        self.E: Any = None
        self.R: Any = None
        self.S: Any = X
        self.tracker = options["tracker"]

    # ---- products ------------------------------------------------------------------------------
    def inner(self, u: Any, v: Any) -> Any:
        """u^H B v."""
        return u.conj().T @ (v if self.B is None else self.B @ v)

    def ritz(self, basis: Any, count: int) -> tuple[Any, Any]:
        """The best eigenvalues within a basis, and the coefficients of their vectors."""
        import numpy as np

        gram, small = self.inner(basis, basis), basis.conj().T @ (self.A @ basis)
        d = 1 / np.sqrt(np.real(np.diag(gram)))
        lower = np.linalg.cholesky(gram * d[:, None] * d[None, :])
        inverse = np.linalg.inv(lower) * d[None, :]
        small = inverse @ small @ inverse.conj().T
        values, vectors = np.linalg.eigh((small + small.conj().T) / 2)
        order = np.argsort(-values if self.largest else values, kind="stable")[:count]
        return values[order], inverse.conj().T @ vectors[:, order]

    # ---- a basis that stays orthonormal --------------------------------------------------------
    def orthonormal(self, u: Any, against: Any) -> Any:
        """Columns that span what `u` spans, orthonormal, and orthogonal to `against`."""
        import numpy as np

        o = self.ortho
        for _ in range(o["i_max"]):
            u = u - against @ self.inner(against, u)
            for _ in range(o["j_max"]):
                u = self.scaled(u)
                if u.shape[1] == 0:
                    return u
                error = np.linalg.norm(self.inner(u, u) - np.eye(u.shape[1]))
                if error < o["tau_ortho"]:
                    break
            if np.linalg.norm(self.inner(against, u)) < o["tau_ortho"]:
                break
        return u

    def scaled(self, u: Any) -> Any:
        """One step towards orthonormal columns, by the eigenvalues of their products."""
        import numpy as np

        o, gram = self.ortho, self.inner(u, u)
        norms = np.sqrt(np.maximum(np.real(np.diag(gram)), 0))
        u, norms = u[:, norms > 0], norms[norms > 0]
        if u.shape[1] == 0:
            return u
        u = u / norms
        values, vectors = np.linalg.eigh(self.inner(u, u))
        floor = values.max() * (o["tau_drop"] if o["use_drop"] else o["tau_replace"])
        if o["use_drop"]:
            vectors, values = vectors[:, values > floor], values[values > floor]
        return (u @ vectors) / np.sqrt(np.maximum(values, floor))

    # ---- the iteration -------------------------------------------------------------------------
    def converged(self) -> bool:
        """Computes the residuals, and counts the eigenpairs that are good enough."""
        import numpy as np

        X, n = self.X, self.iparams["n"]
        BX = X if self.B is None else self.B @ X
        self.R = self.A @ X - BX * self.E[:n]
        size = np.linalg.norm(X, axis=0)
        scale = self.norm_A + np.abs(self.E[:n]) * self.norm_B
        rerr = np.linalg.norm(self.R, axis=0) / (size * scale)
        self.tvars["rerr"] = rerr
        count = 0
        for r in rerr:
            if not r < self.fparams["tol"]:
                break
            count += 1
        self.ivars["converged_count"] = count
        return count >= self.iparams["k"]

    def run(self) -> None:
        """Iterates until the eigenpairs are good enough, or the steps are used up."""
        import numpy as np

        n = self.iparams["n"]
        probe = self.X / np.linalg.norm(self.X)
        self.norm_A = np.linalg.norm(self.A @ probe)
        self.norm_B = 1.0 if self.B is None else np.linalg.norm(self.B @ probe)
        if self.method == "ortho":
            self.X = self.orthonormal(self.X, self.X[:, :0])
        self.E, c = self.ritz(self.X, n)
        self.X, P = self.X @ c, self.X[:, :0]
        while True:
            done = self.converged()
            if self.tracker is not None:
                self.tracker(self)
            if done or self.ivars["istep"] >= self.iparams["niter"] >= 0:
                return
            self.ivars["istep"] += 1
            W = self.R if self.iK is None else self.iK @ self.R
            if self.method == "ortho":
                rest = self.orthonormal(np.hstack([W, P]), self.X)
            else:
                rest = np.hstack([W, P])
                rest = rest[:, np.linalg.norm(rest, axis=0) > 0]
            if rest.shape[1] == 0:
                return
            self.S = np.hstack([self.X, rest])
            self.E, c = self.ritz(self.S, n)
            self.X, P = self.S @ c, rest @ c[n:]


def _options(A: Tensor, k: int, niter: Any, tol: Any, largest: Any, method: Any) -> dict[str, Any]:
    if method not in (None, "basic", "ortho"):
        raise ValueError(f"lobpcg: method has to be 'basic' or 'ortho', got {method!r}")
    eps = 2.23e-16 if A.dtype in (_C.float64, _C.complex128) else 1.2e-07
    return {
        "k": k, "niter": 1000 if niter is None else niter, "tol": eps**0.5 if tol is None else tol,
        "largest": True if largest is None else largest, "method": method or "ortho", "eps": eps,
    }  # fmt: skip


def _ortho_options(eps: float, *given: dict[str, Any] | None) -> dict[str, Any]:
    found = dict(_ORTHO, tau_ortho=eps, tau_drop=eps, tau_replace=eps)
    for table in given:
        for key, value in (table or {}).items():
            short = key.removeprefix("ortho_")
            if short not in found:
                raise ValueError(f"lobpcg: unknown parameter {key!r}; there are {', '.join(found)}")
            found[short] = value
    return found


@listed
def lobpcg(
    A: Tensor,
    k: int | None = None,
    B: Tensor | None = None,
    X: Tensor | None = None,
    n: int | None = None,
    iK: Tensor | None = None,
    niter: int | None = None,
    tol: float | None = None,
    largest: bool | None = None,
    method: str | None = None,
    tracker: Callable[[Any], None] | None = None,
    ortho_iparams: dict[str, int] | None = None,
    ortho_fparams: dict[str, float] | None = None,
    ortho_bparams: dict[str, bool] | None = None,
) -> tuple[Tensor, Tensor]:
    """The k largest or smallest eigenvalues of symmetric A, or of A x = lambda B x, and vectors.

    Args:
        A: ``(*, m, m)``, symmetric or Hermitian.
        k: how many; that of `X`'s columns, or 1, by default.
        B: ``(*, m, m)``, positive definite; the unit matrix by default.
        X: ``(*, m, n)``, where to begin; random by default.
        n: how many vectors to iterate with, at least `k`.
        iK: ``(*, m, m)``, an approximate inverse of A that speeds the iteration up.
        niter: the most steps; 1000 by default, -1: no limit.
        tol: the relative residual at which a pair is good enough.
        largest: the largest ones (True) or the smallest.
        method: ``"ortho"``, robust, or ``"basic"``.
        tracker: is called after each step with an object that has ``ivars``, ``tvars``, ``E``,
            ``X``, ``R`` and ``S``.
        ortho_iparams: ``i_max``, ``j_max``: the most sweeps of the orthogonalization.
        ortho_fparams: ``tau_ortho``, ``tau_drop``, ``tau_replace``: its thresholds.
        ortho_bparams: ``use_drop``: drop directions that are nearly dependent.

    Returns:
        Eigenvalues ``(*, k)`` and vectors ``(*, m, k)``. With gradients to A, where B is None.

    Raises:
        ValueError: m is less than 3 n, or an unknown method or parameter.

    >>> import lampas
    >>> values, _ = lampas.lobpcg(lampas.diag(lampas.arange(1.0, 10)).double(), k=2)
    >>> values
    tensor([9.0000, 8.0000], dtype=torch.float64)
    """
    m = A.size(-1)
    k = k if k is not None else X.size(-1) if X is not None else 1
    n = n if n is not None else X.size(-1) if X is not None else k
    if A.dim() < 2 or A.size(-2) != m:
        raise ValueError(f"lobpcg: A must be square matrices, got shape {tuple(A.shape)}")
    if m < 3 * n or k > n:
        raise ValueError(
            f"LPBPCG algorithm is not applicable when the number of A rows (={m}) is smaller than "
            f"3 x the number of requested eigenpairs (={n}), or that is less than k (={k})"
        )
    options = _options(A, k, niter, tol, largest, method)
    options["ortho"] = _ortho_options(options["eps"], ortho_iparams, ortho_fparams, ortho_bparams)
    options["tracker"] = tracker
    batch = list(A.shape[:-2])
    if A.requires_grad:
        A = (A + A.mT) / 2
    if X is None:
        X = _C.randn([*batch, m, n], dtype=A.dtype)
    E, V = _all(A.detach(), B, X.detach()[..., :n], iK, options, batch)
    if not A.requires_grad:
        return E, V
    if B is not None:
        raise ValueError("lobpcg.backward: not with B: its gradient is not implemented")
    return _differentiable(A, V, k, options["largest"])


def _all(A: Tensor, B: Any, X: Tensor, iK: Any, options: Any, batch: list[int]) -> Any:
    """Each matrix of the batch by itself."""
    import numpy as np

    def matrices(t: Tensor | None) -> list[Any]:
        count = int(np.prod(batch, dtype=int))
        if t is None:
            return [None] * count
        flat = t.detach().expand(*batch, *t.shape[-2:]).reshape(count, *t.shape[-2:])
        return list(flat.numpy())

    k, values, vectors = options["k"], [], []
    for a, b, x, i in zip(*map(matrices, (A, B, X, iK)), strict=True):
        worker = _Worker(a, b, x, i, options)
        worker.run()
        values.append(worker.E[:k])
        vectors.append(worker.X[:, :k])
    E = _C.tensor(np.array(values)).reshape(*batch, k)
    return E, _C.tensor(np.array(vectors)).reshape(*batch, A.size(-1), k)


def _differentiable(A: Tensor, V: Tensor, k: int, largest: bool) -> tuple[Tensor, Tensor]:
    """The same pairs with gradients, which need the whole spectrum."""
    from lampas.linalg import eigh

    values, vectors = eigh(A)
    if largest:
        values, vectors = values.flip(-1), vectors.flip(-1)
    values, vectors = values[..., :k], vectors[..., :k]
    turn = (vectors.detach().conj() * V).sum(-2, keepdim=True)
    return values, vectors * (turn / turn.abs().clamp(min=1e-30))
