"""Invertible maps with log-determinants, one module each; `bijection.py` has the contract.

A new one is its module and its line here (``as`` says that the name is exported).
"""

from skflow.flows.bijections.additive import Additive as Additive
from skflow.flows.bijections.affine import Affine as Affine
from skflow.flows.bijections.arc import Arc as Arc
from skflow.flows.bijections.autoregressive import Autoregressive as Autoregressive
from skflow.flows.bijections.bijection import Bijection as Bijection
from skflow.flows.bijections.bounded import Bounded as Bounded
from skflow.flows.bijections.chain import Chain as Chain
from skflow.flows.bijections.class_whiten import ClassWhiten as ClassWhiten
from skflow.flows.bijections.continuous import Continuous as Continuous
from skflow.flows.bijections.coupling import Coupling as Coupling
from skflow.flows.bijections.interpolant import Interpolant as Interpolant
from skflow.flows.bijections.lu_linear import LULinear as LULinear
from skflow.flows.bijections.pareto_tails import ParetoTails as ParetoTails
from skflow.flows.bijections.planar import Planar as Planar
from skflow.flows.bijections.radial import Radial as Radial
from skflow.flows.bijections.regress import Regress as Regress
from skflow.flows.bijections.reverse import Reverse as Reverse
from skflow.flows.bijections.scale import Scale as Scale
from skflow.flows.bijections.spline import Spline as Spline
from skflow.flows.bijections.standardize import Standardize as Standardize
from skflow.flows.bijections.transformer import Transformer as Transformer
from skflow.flows.bijections.whiten import Whiten as Whiten
from skflow.flows.bijections.yeo_johnson import YeoJohnson as YeoJohnson
