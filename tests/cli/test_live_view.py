import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from nasfleet.v1.search_pb2 import SearchState
from nasfleet_cli.chart import Series, chart
from nasfleet_cli.plain_lines import PlainLines, line
from nasfleet_cli.progress import progress_of
from nasfleet_cli.rendering import render
from nasfleet_cli.reward_curve import RewardCurve
from nasfleet_cli.screens import PlainScreen
from nasfleet_cli.view_state import ViewState
from nasfleet_cli.waiting import Waiting
from nasfleet_testing.searches import failed_trial_message, search_message, trainer_message, trial_message

REWARDS = st.lists(st.floats(min_value=-1e6, max_value=1e6), max_size=300)


def drawn(state: ViewState, *, width: int = 100, rows: int = 40) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False, color_system=None)
    console.print(render(state, rows))
    return console.file.getvalue()  # type: ignore[attr-defined] # it is the StringIO from above


def busy_state(trainers: int = 2) -> ViewState:
    draw = random.Random(1)
    trials = [*(trial_message(number, draw.random()) for number in range(55)), failed_trial_message(55)]
    fleet = [trainer_message(index, 57 + index) for index in range(trainers)]
    return ViewState(search=search_message(), hint="Ctrl-C suspends").with_settled(trials).with_trainers(fleet)


def test_the_view_shows_progress_best_average_and_what_each_trainer_does() -> None:
    text = drawn(busy_state())
    for part in (
        "digits",
        "running",
        "57/200",
        "28%",
        "1.7 trials/s",
        "1m24s left",
        "best 0.9134",
        "trial 41",
        "12,345 parameters",
    ):
        assert part in text
    for part in ("average 0.5", "2 failed", "trainer-0", "trainer-1", "58", "0.71", "55: not finite", "Ctrl-C suspends"):
        assert part in text


def test_the_view_shows_entropy_once_the_policy_has_learned() -> None:
    state = busy_state()
    state.search.learner.entropy = 1.2345
    state.search.learner.policy_version = 7
    assert "entropy 1.23 nats  7 updates" in drawn(state)


def test_an_empty_search_says_what_it_waits_for() -> None:
    search = search_message(settled=0)
    search.message = "waiting for a trainer"
    assert "waiting for a trainer" in drawn(ViewState(search=search))


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("rows", [10, 24, 60])
@pytest.mark.parametrize("trainers", [0, 2, 300])
def test_the_view_fits_into_the_terminal(width: int, rows: int, trainers: int) -> None:
    lines = drawn(busy_state(trainers), width=width, rows=rows).splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= max(rows, 20)


def test_trainers_that_do_not_fit_are_counted() -> None:
    assert "and 294 more" in drawn(busy_state(300), rows=24)


def standing_still(*, seconds: float = 12, trainers: int = 0, labels: dict[str, str] | None = None) -> ViewState:
    search = search_message()
    search.spec.trainer_pool_selector.match_labels.update(labels or {})
    fleet = tuple(trainer_message(index, index) for index in range(trainers))
    return ViewState(search=search, trainers=fleet, waiting=Waiting().then(search, 100).told(search, fleet, 100 + seconds))


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (standing_still(), "no trainer is connected"),
        (standing_still(labels={"gpu": "h200"}), "no trainer is connected; the search wants trainers with gpu=h200"),
        (standing_still(trainers=1), "no trainer has taken a trial for 12s"),
        (
            standing_still(trainers=1, labels={"zone": "a", "gpu": "h200"}),
            "no trainer has taken a trial for 12s; the search wants trainers with gpu=h200, zone=a",
        ),
        (standing_still(seconds=4), ""),
    ],
)
def test_a_search_without_a_trial_in_training_says_what_it_waits_for(state: ViewState, told: str) -> None:
    assert state.waiting == told
    assert told in drawn(state)


def test_a_search_whose_trainers_are_all_unable_says_that_they_are_tried_again_and_promises_no_end() -> None:
    search = search_message()
    search.message = "trainer-0 cannot run this search: no such file"
    waiting = Waiting().then(search, 100).then(search, 105).told(search, (), 106)
    text = drawn(ViewState(search=search, waiting=waiting))
    assert "trainer-0 cannot run this search: no such file" in text
    assert "tried again every 30 s" in text
    assert " left" not in text
    assert "eta" not in line(ViewState(search=search, waiting=waiting))


def test_plain_lines_tell_once_in_a_while_what_a_search_waits_for(capsys: pytest.CaptureFixture[str]) -> None:
    shown = PlainScreen()
    for seconds in (4, 5, 6, 7):
        shown.show(standing_still(seconds=seconds))
    assert capsys.readouterr().out.count("no trainer is connected") == 1


def test_a_search_that_has_a_leased_trial_or_does_not_run_waits_for_nothing() -> None:
    search = search_message()
    search.counts.running = 1
    assert Waiting(since=1).then(search, 100) == Waiting()
    assert Waiting(since=1).then(search_message(state=SearchState.SEARCH_STATE_SUSPENDED), 100) == Waiting()


def test_a_long_curve_is_drawn_quickly_enough_for_a_live_view() -> None:
    state = busy_state().with_settled([trial_message(number, number / 20_000) for number in range(20_000)])
    assert "20,056 rewards" in drawn(state)


def test_notices_are_shown_once_and_the_oldest_go() -> None:
    state = busy_state()
    for notice in ("one", "two", "two", "three", "four"):
        state = state.with_notice(notice)
    assert state.notices == ("two", "three", "four")
    assert state.noticed == 4


@given(REWARDS)
def test_the_best_never_falls_and_the_average_stays_within_the_rewards(rewards: list[float]) -> None:
    curve = RewardCurve().extended(rewards)
    assert list(curve.bests) == [max(rewards[: index + 1]) for index in range(len(rewards))]
    margin = 1e-6 * max((abs(reward) for reward in rewards), default=0)
    assert all(min(rewards) - margin <= average <= max(rewards) + margin for average in curve.averages)


@given(REWARDS, st.integers(min_value=0, max_value=300))
def test_a_curve_is_the_same_however_it_is_extended(rewards: list[float], cut: int) -> None:
    assert RewardCurve().extended(rewards[:cut]).extended(rewards[cut:]) == RewardCurve().extended(rewards)


@given(REWARDS, st.integers(min_value=1, max_value=60), st.integers(min_value=1, max_value=12), st.booleans())
def test_charts_have_the_size_that_was_asked_for(values: list[float], columns: int, rows: int, joined: bool) -> None:  # noqa: FBT001
    low, high = min(values, default=0), max(values, default=0)
    lines = chart([Series(values, "red", joined=joined)], low, high, columns, rows)
    assert [len(line.plain) for line in lines] == [columns] * rows
    assert any(character != "\u2800" for line in lines for character in line.plain) == bool(values)


def test_a_rising_line_goes_from_the_lower_left_to_the_upper_right() -> None:
    assert [line.plain for line in chart([Series([0, 1], "red", joined=True)], 0, 1, 2, 2)] == ["⠀⡜", "⡰⠁"]


def test_a_joined_line_has_a_dot_in_every_column() -> None:
    lines = chart([Series([0, 5, 1, 9], "red", joined=True)], 0, 9, 30, 5)
    columns = zip(*(line.plain for line in lines), strict=True)
    assert all(any(character != "\u2800" for character in column) for column in columns)


def test_the_time_left_is_that_of_the_budget_that_ends_first() -> None:
    search = search_message()
    search.running_seconds = 100
    search.spec.budget.duration = 110
    progress = progress_of(search)
    assert progress.seconds_left == 10
    assert progress.fraction == pytest.approx(100 / 110)


def test_trainer_hours_are_a_budget_too() -> None:
    search = search_message()
    search.running_seconds, search.trainer_seconds = 100, 200
    search.spec.budget.trainer_hours = 210 / 3600
    assert progress_of(search).seconds_left == pytest.approx(5)


def test_without_a_recent_rate_the_mean_rate_counts() -> None:
    search = search_message(settled=50)
    search.trials_per_second, search.running_seconds = 0, 100
    assert progress_of(search).trials_per_second == 0.5
    assert progress_of(search).seconds_left == 300


def test_a_search_that_has_not_begun_has_no_time_left_to_tell() -> None:
    search = search_message(settled=0)
    search.trials_per_second = search.running_seconds = 0
    assert progress_of(search).seconds_left is None


def test_a_plain_line_says_trial_reward_best_rate_and_time_left() -> None:
    state = ViewState(search=search_message()).with_settled([trial_message(56, 0.83)])
    assert line(state) == "trial 57/200 reward 0.83 best 0.9134 1.7 trials/s eta 1m24s"


def test_a_plain_line_of_an_ended_search_has_no_eta() -> None:
    state = ViewState(search=search_message(settled=200, state=SearchState.SEARCH_STATE_COMPLETED))
    assert line(state) == "trial 200/200 best 0.9134 1.7 trials/s"


def test_plain_lines_come_after_a_share_of_the_budget_or_after_five_seconds() -> None:
    lines = PlainLines().said(search_message(settled=57), now=100)
    assert not lines.due(search_message(settled=57), now=1000)
    assert not lines.due(search_message(settled=58), now=102)
    assert lines.due(search_message(settled=58), now=105)
    assert lines.due(search_message(settled=62), now=102)
    assert not lines.due(search_message(settled=62), now=100.5)


def test_the_first_trial_is_told_at_once() -> None:
    assert PlainLines().due(search_message(settled=1, trials=12_800), now=0)


def test_the_last_line_is_always_told() -> None:
    lines = PlainLines().said(search_message(settled=199), now=100)
    ended = search_message(settled=200, state=SearchState.SEARCH_STATE_COMPLETED)
    assert lines.due(ended, now=100.1)
    assert not lines.said(ended, now=100.1).due(ended, now=1000)
