"""The comments of the definition: kept by `scripts/gen`, and those of a noun are those of its requests."""

from jobpool.wire.comments import comment


def test_of_messages_fields_and_calls():
    assert comment("Schedule.PlanDelete") == "Deletes a plan that is not running."
    assert comment("PlanRunRequest").startswith("`parameters` replaces the plan's for this run. ")
    assert comment("Plan.revision") == "The commit that last changed the plan."
    assert comment("Plan.parameters.x") == comment("Nothing") == comment("") == ""


def test_a_field_of_a_request_is_that_of_its_noun_unless_more_is_said():
    assert comment("SchedulePlanAddRequest.executor") == comment("Plan.executor") != ""
    assert comment("SchedulePlanUpdateRequest.revision") != comment("Plan.revision")
    assert comment("SchedulePlanListRequest") == comment("SchedulePlanListResponse.status") == ""


def test_notes_about_numbers_are_no_comments():
    assert comment("Plan.dst").startswith("What a fixed time does")
    assert not any(comment(f"Plan.{field}").startswith("1") for field in ("paused", "strategy", "revision"))
