"""Looking at the graph, and hooks on what it saves and on the gradients that flow through it.

>>> import lampas
>>> x = lampas.ones(2, requires_grad=True)
>>> lampas.autograd.graph.get_gradient_edge(x * 2).output_nr
0
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from lampas import _C
from lampas._C import Node
from lampas._tensor import Tensor

if TYPE_CHECKING:
    from lampas.utils.hooks import RemovableHandle

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]


# ---- nodes and edges ---------------------------------------------------------------------------
class GradientEdge(NamedTuple):
    """A place in the graph where a gradient arrives: an output of a node.

    `autograd.grad` and `autograd.backward` take it in place of the tensor.
    """

    node: Node
    output_nr: int
    ownership_token: Any = None


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """Where the gradient of `tensor` arrives.

    Raises:
        RuntimeError: the tensor does not require gradients.

    >>> import lampas
    >>> x = lampas.ones(2, requires_grad=True)
    >>> edge = get_gradient_edge(x.exp())
    >>> edge.node.name()
    'ExpBackward0'
    """
    return GradientEdge(*_C._gradient_edge(tensor))


def _register(add: str, node: Node, hook: Callable[..., Any]) -> RemovableHandle:
    from lampas.utils.hooks import RemovableHandle

    hooks: OrderedDict[int, Callable[..., Any]] = OrderedDict()
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    getattr(node, add)(hooks)
    return handle


def _register_hook(node: Node, hook: Callable[..., Any]) -> RemovableHandle:
    return _register("_add_hook", node, hook)


def _register_prehook(node: Node, hook: Callable[..., Any]) -> RemovableHandle:
    return _register("_add_prehook", node, hook)


def increment_version(tensor: Tensor | Sequence[Tensor]) -> None:
    """Counts a write in place that Lampas cannot see, through a NumPy array say.

    Autograd then finds that a saved tensor was changed.

    >>> import lampas
    >>> x = lampas.ones(2)
    >>> x.numpy()[0] = 5
    >>> increment_version(x)
    >>> x._version
    1
    """
    for t in (tensor,) if isinstance(tensor, Tensor) else tensor:
        _C._increment_version(t)


# ---- saved tensors -----------------------------------------------------------------------------
class saved_tensors_hooks:
    """Within the ``with`` block, what the graph saves passes through a pair of functions.

    Args:
        pack_hook: is given each saved tensor, detached, and returns whatever stands for it.
        unpack_hook: is given that in the backward pass and returns the tensor.

    Raises:
        RuntimeError: hooks are disabled, or `pack_hook` writes into its argument.

    >>> import lampas
    >>> x = lampas.tensor([3.0], requires_grad=True)
    >>> with saved_tensors_hooks(lambda t: t.numpy(), lambda a: lampas.from_numpy(a)):
    ...     y = x * x
    >>> y.backward()
    >>> x.grad
    tensor([6.])
    """

    def __init__(
        self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]
    ) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        _C._push_saved_hooks(self.pack_hook, self.unpack_hook)

    def __exit__(self, *_: object) -> None:
        _C._pop_saved_hooks()


class save_on_cpu(saved_tensors_hooks):
    """Keeps what the graph saves on the CPU, where here everything is: copies.

    Args:
        pin_memory: taken for PyTorch's sake; memory of the CPU needs no pinning for the CPU.
        device_type: likewise.

    >>> import lampas
    >>> x = lampas.tensor([3.0], requires_grad=True)
    >>> with save_on_cpu():
    ...     y = x * x
    >>> y.backward()
    >>> x.grad
    tensor([6.])
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        self.pin_memory, self.device_type = pin_memory, device_type
        super().__init__(lambda t: t.clone(), lambda t: t)


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Within the ``with`` block, entering `saved_tensors_hooks` raises RuntimeError.

    >>> with disable_saved_tensors_hooks("not here"):
    ...     with save_on_cpu():
    ...         pass
    Traceback (most recent call last):
    RuntimeError: not here
    """
    before = _C._disable_saved_hooks(error_message)
    try:
        yield
    finally:
        _C._disable_saved_hooks(before)


@contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[None]:
    """Within the ``with`` block, tensors that the graph has saved may be written to in place.

    Each is copied when it is saved, so the backward pass sees the value of that moment.

    >>> import lampas
    >>> x = lampas.tensor([3.0], requires_grad=True)
    >>> with allow_mutation_on_saved_tensors():
    ...     y = x.clone()
    ...     z = (y * y).sum()
    ...     _ = y.zero_()
    ...     z.backward()
    >>> x.grad
    tensor([6.])
    """
    with saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        yield


# ---- gradients of several tensors ----------------------------------------------------------------
class _MultiHandle:
    """Removes the hooks of several tensors at once."""

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        self.handles = tuple(handles)

    def remove(self) -> None:
        """Takes the hooks out again."""
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> _MultiHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable[..., None], *, mode: str = "all"
) -> _MultiHandle:
    """Calls `fn` in each backward pass when the gradients of `tensors` have been computed.

    Args:
        tensors: the tensors; all must require gradients.
        fn: with mode "all" it is called once, with the list of gradients, None for tensors that the
            pass does not reach; with mode "any" it is called with the first gradient.
        mode: "all" or "any".

    Returns:
        A handle whose `remove()` takes the hooks away.

    >>> import lampas
    >>> a, b = lampas.ones(1, requires_grad=True), lampas.ones(1, requires_grad=True)
    >>> handle = register_multi_grad_hook([a, b], print)
    >>> (a * b).backward()
    [tensor([1.]), tensor([1.])]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    if mode == "any":
        return _register_any(tensors, fn)
    lock = threading.Lock()
    passes: dict[int, list[Any]] = {}
    places = [get_gradient_edge(t) for t in tensors]

    def hook_of(i: int) -> Callable[[Tensor], None]:
        def hook(grad: Tensor) -> None:
            task = _C._current_pass()
            with lock:
                if task not in passes:
                    waiting = sum(_C._will_run(p.node) for p in places)
                    passes[task] = [waiting, [None] * len(places)]
                entry = passes[task]
                entry[1][i] = grad
                entry[0] -= 1
                complete = entry[0] == 0
                if complete:
                    del passes[task]
            if complete:
                fn(entry[1])

        return hook

    return _MultiHandle([t.register_hook(hook_of(i)) for i, t in enumerate(tensors)])


def _register_any(tensors: Sequence[Tensor], fn: Callable[..., None]) -> _MultiHandle:
    last: list[int] = [0]
    lock = threading.Lock()

    def hook(grad: Tensor) -> None:
        task = _C._current_pass()
        with lock:
            first, last[0] = last[0] != task, task
        if first:
            fn(grad)

    return _MultiHandle([t.register_hook(hook) for t in tensors])
