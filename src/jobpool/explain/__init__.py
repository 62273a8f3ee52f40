"""WHY: what stands between a plan, or a job, and its start, and what would help. Pure functions over one state.

Admits findings: a code for programs, a text for people, and what removes the cause. They are made by the rules that
evaluators and the leader go by, not by rules of their own; what is read is `view.ExplainView`.
"""

from jobpool.explain.finding import Code, Explanation, Finding, Remedy, Verdict
from jobpool.explain.jobs import explain_job
from jobpool.explain.plans import explain_plan
from jobpool.explain.view import ExplainView

__all__ = ["Code", "ExplainView", "Explanation", "Finding", "Remedy", "Verdict", "explain_job", "explain_plan"]
