"""Fused functions: autograd Functions whose gradients are written by hand.

The operations of a flow on a small table are small, and autograd's bookkeeping for each of them
costs more than its arithmetic. A fused function computes a whole map in one node of the graph:
it saves few intermediate tensors and returns its gradients in closed form. Its definition is
the plain code of the module that calls it; ``tests/flows/fused`` compare the two, the values to
the last bit.

========================  =====================================================================
`spline_forward`          `Spline.forward`, unless it was built with ``fused=False``
`lu_mixing`               `LULinear.forward`, unless it was built with ``fused=False``
`blockwise_dense`         the output layer of `MaskedMLP` for more than 16 columns, on the CPU
                          and outside torch.compile
========================  =====================================================================

Fused functions have no second derivative: their first derivative is a constant to autograd, or
raises a RuntimeError where the incoming gradient is differentiated too. They do not run under
``torch.func.vmap`` and the other transforms of ``torch.func``, which raise a RuntimeError.
Ensembles need no vmap, since all maps take parameters with a leading axis.
"""

from skflow.flows.fused.blockwise_dense import ColumnBlock, blockwise_dense
from skflow.flows.fused.lu_mixing import lu_mixing
from skflow.flows.fused.spline_forward import spline_forward

__all__ = ["ColumnBlock", "blockwise_dense", "lu_mixing", "spline_forward"]
