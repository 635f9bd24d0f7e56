"""The table of an experiment's runs."""

from __future__ import annotations

import re

import httpx
from playwright.sync_api import Locator, Route, expect

from tests.browser.filling import RUNS, Story
from tests.browser.tab import Tab


def names(tab: Tab) -> Locator:
    """Of the runs in the document, from above."""
    return tab.page.locator("table.runs tbody th.name")


def head(tab: Tab, name: str) -> Locator:
    return tab.page.get_by_role("columnheader", name=name, exact=True)


def test_runs_are_there_with_their_params_and_metrics(tab: Tab, story: Story) -> None:
    tab.open(f"#/experiments/{story.experiment}")
    tab.sees(f"{RUNS + 2} runs")
    expect(names(tab).first).to_have_text(re.compile("out-of-memory"))
    row = tab.page.get_by_role("row").filter(has_text="digits-39")
    expect(row).to_contain_text("finished")
    for column in ("optimizer", "lr", "val/loss", "val/accuracy"):
        expect(head(tab, column)).to_be_visible()
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Digits classifier")
    expect(tab.page).to_have_title("Digits classifier · Trialbook")


def test_the_best_value_of_a_goal_is_marked_by_more_than_colour(tab: Tab, story: Story) -> None:
    tab.open(f"#/experiments/{story.experiment}")
    expect(tab.page.get_by_role("img", name="Best:")).not_to_have_count(0)


def test_a_click_on_a_column_sorts_the_best_first_and_again_turns_it(
    tab: Tab, story: Story
) -> None:
    tab.open(f"#/experiments/{story.experiment}")
    head(tab, "val/loss").get_by_role("button").click()
    tab.expect_address("sort=")
    expect(head(tab, "val/loss")).to_have_attribute("aria-sort", "ascending")
    expect(tab.page.locator("table.runs tbody tr").nth(0)).to_contain_text("★")
    first = names(tab).first.inner_text()
    tab.page.reload()
    expect(head(tab, "val/loss")).to_have_attribute("aria-sort", "ascending")
    expect(names(tab).first).to_have_text(first)
    head(tab, "val/loss").get_by_role("button").press("Enter")
    expect(head(tab, "val/loss")).to_have_attribute("aria-sort", "descending")
    expect(names(tab).first).not_to_have_text(first)


def test_a_filter_is_completed_by_the_keyboard(tab: Tab, story: Story) -> None:
    tab.open(f"#/experiments/{story.experiment}")
    box = tab.page.get_by_role("combobox", name="Filter runs")
    box.press_sequentially("params.opt")
    offered = tab.page.get_by_role("listbox", name="What may come next").get_by_role("option")
    expect(offered.filter(has_text="optimizer")).to_be_visible()
    box.press("Tab")
    expect(box).to_have_value(re.compile(r"^params\.optimizer\s*$"))
    box.press_sequentially("= 'sg")
    expect(offered.filter(has_text="sgd")).to_be_visible()
    box.press("ArrowDown")
    box.press("Enter")
    expect(box).to_have_value(re.compile(r"params\.optimizer\s*= 'sgd'"))
    box.press("Escape")
    box.press("Enter")
    tab.expect_address("filter=params.optimizer")
    tab.sees(f"{RUNS // 4 + 1} runs")
    tab.page.reload()
    expect(box).to_have_value(re.compile("sgd"))
    tab.sees(f"{RUNS // 4 + 1} runs")
    tab.page.get_by_role("button", name="Clear").click()
    tab.sees(f"{RUNS + 2} runs")


def test_a_wrong_filter_shows_where_it_is_wrong(tab: Tab, story: Story) -> None:
    tab.watch.allow("status of 400")
    tab.open(f"#/experiments/{story.experiment}")
    box = tab.page.get_by_role("combobox", name="Filter runs")
    box.fill("metrics.loss ! 3")
    box.press("Enter")
    expect(tab.alert()).to_be_visible()
    expect(tab.alert().locator("mark")).to_be_visible()
    expect(box).to_have_attribute("aria-invalid", "true")
    box.fill("params.optimizer = 'nothing like it'")
    box.press("Enter")
    tab.sees("No run matches this filter.")
    expect(tab.alert()).to_have_count(0)


def test_columns_are_chosen_ordered_and_in_the_address(tab: Tab, story: Story) -> None:
    tab.open(f"#/experiments/{story.experiment}")
    tab.page.get_by_role("button", name="Columns …").click()
    dialog = tab.page.get_by_role("dialog", name="Columns")
    dialog.get_by_role("button", name="Remove all").click()
    dialog.get_by_label("Search columns").fill("batch")
    dialog.get_by_label("param batch_size").check()
    dialog.get_by_label("Search columns").fill("epoch_s")
    dialog.get_by_label("metric epoch_seconds").check()
    dialog.get_by_role("button", name="epoch_seconds up").click()
    dialog.get_by_role("button", name="Show 2").click()
    expect(dialog).to_have_count(0)
    heads = tab.page.locator("table.runs thead th")
    expect(heads).to_have_text(["Name", re.compile("epoch_seconds"), re.compile("batch_size")])
    tab.expect_address("columns=")
    tab.page.reload()
    expect(heads).to_have_text(["Name", re.compile("epoch_seconds"), re.compile("batch_size")])


def test_a_dialog_is_left_by_escape_and_the_focus_returns(tab: Tab, story: Story) -> None:
    tab.open(f"#/experiments/{story.experiment}")
    opener = tab.page.get_by_role("button", name="Columns …")
    opener.press("Enter")
    expect(tab.page.get_by_role("dialog")).to_be_visible()
    tab.page.keyboard.press("Escape")
    expect(tab.page.get_by_role("dialog")).to_have_count(0)
    expect(opener).to_be_focused()


def test_runs_are_grouped_and_a_group_is_opened_by_the_keyboard(tab: Tab, story: Story) -> None:
    tab.open(f"#/experiments/{story.experiment}")
    tab.page.get_by_label("Group by").select_option("params.optimizer")
    tab.expect_address("group=params.optimizer")
    tab.sees(re.compile("in 4 groups"))
    group = tab.page.get_by_role("button", name=re.compile("^.? ?rmsprop"))
    expect(group).to_have_attribute("aria-expanded", "false")
    group.press("Enter")
    expect(group).to_have_attribute("aria-expanded", "true")
    expect(names(tab).filter(has_text="digits-")).to_have_count(RUNS // 4)


def test_selected_runs_are_in_the_address_and_lead_to_the_comparison(
    tab: Tab, story: Story
) -> None:
    tab.open(f"#/experiments/{story.experiment}")
    pick(tab, "digits-39").click()
    pick(tab, "digits-36").click(modifiers=["Shift"])
    tab.sees("4 selected")
    tab.expect_address("selected=")
    tab.page.reload()
    tab.sees("4 selected")
    expect(pick(tab, "digits-37")).to_be_checked()
    pick(tab, "digits-38").press("Space")
    tab.sees("3 selected")
    tab.page.get_by_role("link", name="Compare", exact=True).click()
    tab.expect_address(r"#/compare\?runs=")
    tab.sees("digits-36")
    tab.page.go_back()
    tab.sees("3 selected")
    tab.page.get_by_role("link", name="Charts", exact=True).last.click()
    tab.expect_address(r"/charts\?runs=")


def test_an_address_of_the_same_table_shows_what_it_says(tab: Tab, story: Story) -> None:
    tab.open(f"#/experiments/{story.experiment}")
    tab.go(
        f"#/experiments/{story.experiment}?selected={story.digits[39]}&filter=status%3D'finished'"
    )
    tab.sees("1 selected")
    expect(tab.page.get_by_role("combobox", name="Filter runs")).to_have_value("status='finished'")
    tab.page.go_back()
    expect(tab.page.get_by_text("1 selected")).to_have_count(0)


def pick(tab: Tab, name: str) -> Locator:
    """The box before a run."""
    return tab.page.get_by_role("row").filter(has_text=name).get_by_role("checkbox")


def test_arrow_keys_lead_down_a_column(tab: Tab, story: Story) -> None:
    tab.open(f"#/experiments/{story.experiment}")
    tab.page.get_by_role("link", name="digits-39").focus()
    tab.page.keyboard.press("ArrowDown")
    expect(tab.page.get_by_role("link", name="digits-38")).to_be_focused()
    tab.page.keyboard.press("ArrowUp")
    tab.page.keyboard.press("Enter")
    tab.expect_address(f"#/runs/{story.digits[39]}")


def test_runs_are_archived_and_restored(tab: Tab, story: Story, api: httpx.Client) -> None:
    slug = "learning-rate-sweep"
    tab.open(f"#/experiments/{slug}")
    pick(tab, "sweep-2").check()
    tab.page.get_by_role("button", name="Archive …").click()
    tab.page.get_by_role("dialog").get_by_role("button", name="Archive", exact=True).click()
    expect(tab.page.get_by_role("dialog")).to_have_count(0)
    tab.sees("3 runs")
    tab.page.get_by_label("Archived").check()
    pick(tab, "sweep-2").check()
    tab.page.get_by_role("button", name="Restore …").click()
    tab.page.get_by_role("dialog").get_by_role("button", name="Restore", exact=True).click()
    tab.sees("No run is archived.")
    run = api.get(f"/api/v1/experiments/runs/{story.children[2]}").json()
    assert run["lifecycle_stage"] == "active"


def test_a_running_run_is_seen_to_move(tab: Tab, story: Story, api: httpx.Client) -> None:
    tab.page.clock.install()
    tab.open(f"#/experiments/{story.experiment}?columns=metrics.alive")
    tab.sees(re.compile("Live · updated"))
    path = f"/api/v1/experiments/runs/{story.running}/log-metrics"
    assert api.post(path, json={"metrics": {"alive": 123456}}).status_code == 200
    tab.page.clock.fast_forward(6_000)
    row = tab.page.get_by_role("row").filter(has_text="still-going")
    expect(row).to_contain_text("123,456")


def test_an_answer_that_comes_late_does_not_replace_a_newer_one(tab: Tab, story: Story) -> None:
    tab.open(f"#/experiments/{story.experiment}")
    held: list[Route] = []

    def hold(route: Route) -> None:
        if "adamw" in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    tab.page.route("**/runs/search", hold)
    box = tab.page.get_by_role("combobox", name="Filter runs")
    for optimizer in ("adamw", "rmsprop"):
        box.fill(f"params.optimizer = '{optimizer}'")
        box.press("Enter")
    tab.sees(f"{RUNS // 4} runs")
    expect(names(tab).first).to_have_text("digits-39")
    for route in held:
        route.abort()  # or its answer, which nobody waits for
    tab.settle()
    expect(names(tab).first).to_have_text("digits-39")
    expect(tab.alert()).to_have_count(0)


def test_a_table_that_could_not_be_updated_says_so_and_goes_on(tab: Tab, story: Story) -> None:
    tab.watch.allow("net::ERR_FAILED")
    tab.page.clock.install()
    tab.open(f"#/experiments/{story.experiment}")
    tab.sees(re.compile("Live · updated"))
    tab.page.route("**/runs/search", lambda route: route.abort())
    tab.page.clock.fast_forward(6_000)
    tab.sees(re.compile("Not updated since"))
    expect(names(tab).first).to_be_visible()
    tab.page.unroute("**/runs/search")
    tab.page.clock.fast_forward(6_000)
    tab.sees(re.compile("Live · updated"))


def test_an_experiment_without_runs_says_how_to_log_one(tab: Tab, story: Story) -> None:
    tab.open(f"#/experiments/{story.nothing}")
    tab.sees("No runs yet")
    expect(
        tab.page.get_by_text(re.compile(f'tb.start_run\\("{story.nothing}"')).first
    ).to_be_visible()
    assert tab.url in tab.page.inner_text("main")


def test_about_tells_all_facts(tab: Tab, story: Story) -> None:
    tab.open(f"#/experiments/{story.experiment}/about")
    for text in ("digits-classifier", "val/accuracy", "version", "team: vision"):
        expect(tab.page.locator("main")).to_contain_text(text)
