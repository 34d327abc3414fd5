"""Invertible maps with log-determinants, one module each; `bijection.py` has the contract."""

from skflow.flows.bijections.additive import Additive
from skflow.flows.bijections.affine import Affine
from skflow.flows.bijections.arc import Arc
from skflow.flows.bijections.autoregressive import Autoregressive
from skflow.flows.bijections.bijection import Bijection
from skflow.flows.bijections.bounded import Bounded
from skflow.flows.bijections.chain import Chain
from skflow.flows.bijections.class_whiten import ClassWhiten
from skflow.flows.bijections.continuous import Continuous
from skflow.flows.bijections.coupling import Coupling
from skflow.flows.bijections.interpolant import Interpolant
from skflow.flows.bijections.lu_linear import LULinear
from skflow.flows.bijections.planar import Planar
from skflow.flows.bijections.radial import Radial
from skflow.flows.bijections.regress import Regress
from skflow.flows.bijections.reverse import Reverse
from skflow.flows.bijections.scale import Scale
from skflow.flows.bijections.spline import Spline
from skflow.flows.bijections.standardize import Standardize
from skflow.flows.bijections.transformer import Transformer
from skflow.flows.bijections.whiten import Whiten
from skflow.flows.bijections.yeo_johnson import YeoJohnson

__all__ = [
    "Additive",
    "Affine",
    "Arc",
    "Autoregressive",
    "Bijection",
    "Bounded",
    "Chain",
    "ClassWhiten",
    "Continuous",
    "Coupling",
    "Interpolant",
    "LULinear",
    "Planar",
    "Radial",
    "Regress",
    "Reverse",
    "Scale",
    "Spline",
    "Standardize",
    "Transformer",
    "Whiten",
    "YeoJohnson",
]
