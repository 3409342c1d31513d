"""Modules that learn the sizes of their parameters from their first input."""

from __future__ import annotations

from typing import Any

from ..parameter import is_lazy

__all__ = ["LazyModuleMixin"]


class LazyModuleMixin:
    """Stands before a module class whose parameters may begin without a shape.

    The class defines ``initialize_parameters(*input)``, which materialises them, and may name in
    ``cls_to_become`` the class that instances turn into after their first call.

    Example:
        >>> import lampas
        >>> from lampas import nn
        >>> net = nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyLinear(2))
        >>> _ = net(lampas.ones(1, 3))
        >>> net[0]
        Linear(in_features=3, out_features=4, bias=True)
    """

    cls_to_become: type | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(  # type: ignore[attr-defined]
            _load_shapes, with_module=True
        )
        self._initialize_hook = self.register_forward_pre_hook(  # type: ignore[attr-defined]
            _infer_parameters, with_kwargs=True
        )

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Parameters without a shape are saved as they are: detaching would lose the mark."""
        own: Any = self
        for name, value in (*own._parameters.items(), *own._buffers.items()):
            if value is None or name in own._non_persistent_buffers_set:
                continue
            keep = keep_vars or is_lazy(value)
            destination[prefix + name] = value if keep else value.detach()

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materialises the parameters from the arguments of the first call."""
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {type(self).__name__}"
        )

    def has_uninitialized_params(self) -> bool:
        """Whether any parameter or buffer of this module has no shape yet."""
        own: Any = self
        return any(is_lazy(t) for t in (*own._parameters.values(), *own._buffers.values()))

    def _replicate_for_data_parallel(self) -> Any:
        raise RuntimeError(
            "Modules with uninitialized parameters can't be used with `DataParallel`. "
            "Run a dummy forward pass to correctly initialize the modules"
        )


def _load_shapes(module: Any, state_dict: Any, prefix: str, *unused: Any) -> None:
    """Before loading: what has a shape in the file gets that shape here."""
    for name, param in (*module._parameters.items(), *module._buffers.items()):
        value = state_dict.get(prefix + name)
        if param is not None and value is not None and is_lazy(param) and not is_lazy(value):
            import lampas

            with lampas.no_grad():
                param.materialize(value.shape)


def _infer_parameters(module: Any, args: tuple, kwargs: dict[str, Any] | None = None) -> None:
    """Before the first forward: materialise, then become an ordinary module."""
    module.initialize_parameters(*args, **(kwargs or {}))
    if module.has_uninitialized_params():
        raise RuntimeError(
            f"module {module._get_name()} has not been fully initialized by its "
            "initialize_parameters()"
        )
    module._initialize_hook.remove()
    module._load_hook.remove()
    del module._initialize_hook
    del module._load_hook
    if module.cls_to_become is not None:
        module.__class__ = module.cls_to_become
