"""The layers of a network: its last one, and groups of them from the first to the last."""

from torch import nn

from glyphgen.baseline.network_input import PreparedNetwork

__all__ = ["count_layers", "find_head", "list_layer_groups"]


def find_head(network: nn.Module) -> str:
    """Return the name of the layer that gives the logits: what classifies, and knows the classes.

    It is the classifier of a model of timm, and the last linear layer of another.
    """
    if isinstance(network, PreparedNetwork):
        return f"network.{find_head(network.network)}"
    modules = dict(network.named_modules())
    get_classifier = getattr(network, "get_classifier", None)
    classifier = get_classifier() if get_classifier else None
    names = [name for name, module in modules.items() if name and module is classifier]
    linear = [name for name, module in modules.items() if isinstance(module, nn.Linear)]
    return str((names or linear[-1:] or [""])[0])


def list_layer_groups(network: nn.Module) -> list[list[nn.Parameter]]:
    """Return the weights of a network in groups of layers, as they are told: the input's first.

    A group is a child of the network, or a child of that where it is a row of blocks. What belongs to the
    network itself is of the first group.
    """
    if isinstance(network, PreparedNetwork):
        return list_layer_groups(network.network)
    modules: list[nn.Module] = []
    for child in network.children():
        blocks = list(child.children()) if isinstance(child, nn.Sequential | nn.ModuleList) else []
        modules += blocks if len(blocks) > 1 else [child]
    groups = [list(module.parameters()) for module in modules]
    inside = {id(parameter) for group in groups for parameter in group}
    own = [parameter for parameter in network.parameters() if id(parameter) not in inside]
    filled = [group for group in groups if group]
    if own and filled:
        return [[*own, *filled[0]], *filled[1:]]
    return filled or [own]


def count_layers(network: nn.Module, names: set[str]) -> int:
    """Return how many layers have weights of these names, such as ``features.0.0.weight``."""
    return len({name.rpartition(".")[0] for name, _ in network.named_parameters() if name in names})
