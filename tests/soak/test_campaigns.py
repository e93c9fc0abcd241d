"""The short form of each campaign; ``make soak`` runs the long ones."""

import shutil
from pathlib import Path

import pytest
import uvloop

from soak.__main__ import CAMPAIGNS
from soak.campaign import Campaign, Outcome, Setting
from soak.faults import inject
from soak.servers import nursery

SEED = 20261123


@pytest.mark.timeout(240)  # a few seconds, where nobody else is at work
@pytest.mark.parametrize("campaign", CAMPAIGNS, ids=lambda campaign: campaign.name)
def test_a_short_campaign_breaks_nothing_and_notices_what_is_broken_on_purpose(
    campaign: Campaign, tmp_path: Path
) -> None:
    setting = Setting(seed=SEED, count=campaign.short, short=True, scratch=tmp_path)
    outcome = uvloop.run(campaign.run(setting))
    assert outcome.violations == []
    assert outcome.controls
    assert [control for control in outcome.controls if not control.caught] == []
    shutil.rmtree(tmp_path)  # logs of some megabytes


@pytest.mark.timeout(240)
def test_without_a_compiler_a_limit_on_files_makes_the_writes_fail(tmp_path: Path) -> None:
    setting = Setting(seed=SEED, count=2, short=True, scratch=tmp_path)
    outcome = Outcome()

    async def run() -> None:
        async with nursery(tmp_path) as place:
            await inject(setting, place, outcome, None)

    uvloop.run(run())
    assert outcome.violations == []
    assert outcome.counts["write EFBIG"] == 2
