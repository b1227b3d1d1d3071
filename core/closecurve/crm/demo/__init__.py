"""The demo company: a simulated CRM whose true chances are known.

`simulate` makes it, `write_export` writes it as a CRM would export it, and `true_win_probability`
is the oracle that calibration is tested against.
"""

from closecurve.crm.demo.company import DemoCompany, simulate

__all__ = ["DemoCompany", "simulate"]
