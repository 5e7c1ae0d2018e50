"""What goes with a proven version: card, page, bill of materials, provenance; valid, the same again, and signed."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from export.artifact.manifest import Manifest, read_manifest
from export.artifact.model_card import CARD_FILE, CARD_SOURCE_FILE, CardSource, model_card
from export.papers.page import card_page
from export.papers.write import PAGE_FILE, papers
from export.versions.proof import proof_of
from tests.support.browser import find_browser, views_of
from tests.support.verified import Ended
from tests.support.versions import Versions, build_versions, run_export
from train.core.errors import PipelineError
from train.core.records.evidence import Evidence, Forecasts, Reliability
from train.signal_classifier.contract import SIGNAL_CLASSIFIER

EVIL = (
    "<script>alert(1)</script><img src=x onerror=alert(2)> [a](javascript:alert(3)) ![b](//c) | \x1b[31m\u202e`--> <!--"
)
CURVE = Reliability(
    name="this model", confidence=[0.2, 0.8], share=[0.25, 0.7], low=[0.2, 0.6], high=[0.3, 0.8], rows=[50, 50]
)
DAYS = [0.2, 0.25, 0.22, 0.21]
FORECAST = Forecasts(
    name="a series, 5 days ahead",
    unit="implied volatility",
    interval="80 % interval",
    forecast=DAYS,
    lower=[day - 0.05 for day in DAYS],
    upper=[day + 0.05 for day in DAYS],
    outcome=[0.2, 0.31, 0.22, 0.21],
)
SOURCE = CardSource(
    purpose="Grades trades.",
    own=["## Surface", "", "- a line of its own", ""],
    evidence=Evidence(reliability=[CURVE], forecasts=[FORECAST]),
)
Call = Callable[..., Ended]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Versions:
    return build_versions(tmp_path_factory.mktemp("papers"), ("weak", "good"))


@pytest.fixture
def house(built: Versions, tmp_path: Path) -> Versions:
    return built.copied(tmp_path / "house")


@pytest.fixture
def export(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    return lambda *arguments: run_export([str(one) for one in arguments], monkeypatch, capsys)


@pytest.fixture
def folder(house: Versions) -> Path:
    return house.folder / house.version["good"]


@pytest.fixture
def manifest(folder: Path) -> Manifest:
    return read_manifest(folder)


def proof(folder: Path, manifest: Manifest) -> dict[str, Any]:
    found = proof_of(folder, manifest)
    assert isinstance(found, dict)
    return found


class Page(HTMLParser):
    """Elements, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_proof_brings_the_card_and_its_page(folder: Path) -> None:
    card = (folder / CARD_FILE).read_text()
    for part in ("## Parity", "| python |", "## Limits", "## How to repeat it", "dollarbill-ml check", "Brier"):
        assert part in card
    assert "Not proven yet" not in card
    assert "How likely an options trade" in card
    assert (folder / PAGE_FILE).is_file()


def test_before_the_proof_the_card_claims_none(manifest: Manifest) -> None:
    assert "Not proven yet" in model_card(manifest, "0" * 12, SOURCE)


def test_page_and_markdown_say_the_same(manifest: Manifest, folder: Path) -> None:
    card = model_card(manifest, folder.name, SOURCE, proof(folder, manifest))
    text = " ".join(" ".join(Page(card_page(card, SOURCE.evidence)).text).split())
    cells = [cell.strip() for line in card.splitlines() if line.startswith("| ") for cell in line.strip("|").split("|")]
    headings = [line.lstrip("# ") for line in card.splitlines() if line.startswith("#")]
    assert len(cells) > 60
    for part in [*cells, *headings, "Grades trades.", "3 of 4 outcomes lay in the 80 % interval"]:
        assert part.strip() in text
    assert card_page(card, SOURCE.evidence).count('<svg role="img"') == 2


def test_a_name_is_text_and_never_markup(manifest: Manifest, folder: Path) -> None:
    fields = manifest.model_dump(mode="json")
    fields["training"]["estimator"] = fields["training"]["data"]["source"] = EVIL
    fields["parity"]["reference"] = fields["quality"][0]["metric"] = fields["quality"][0]["baseline"] = EVIL
    fields["inputs"][0]["columns"][0] |= {"meaning": EVIL, "unit": EVIL}
    evil = Manifest.model_validate(fields)
    source = CardSource(
        purpose=EVIL,
        evidence=Evidence(
            reliability=[CURVE.model_copy(update={"name": EVIL})],
            forecasts=[FORECAST.model_copy(update={"name": EVIL, "unit": EVIL, "interval": EVIL})],
        ),
    )
    found = proof(folder, manifest)
    page = card_page(
        model_card(evil, folder.name, source, found | {"runtimes": {EVIL: found["runtimes"]["python"]}}),
        source.evidence,
    )
    seen = Page(page).seen
    assert not {tag for tag, _ in seen} & {"script", "img", "a", "iframe", "object", "form", "link", "base"}
    assert not [name for _, attributes in seen for name in attributes if name.startswith("on")]
    assert not set(page) & set("\x1b\u202e")
    assert "&lt;script&gt;" in page


def test_the_page_loads_nothing_and_no_id_stands_twice(manifest: Manifest, folder: Path) -> None:
    seen = Page(card_page(model_card(manifest, folder.name, SOURCE, proof(folder, manifest)), SOURCE.evidence)).seen
    ids = [attributes["id"] for _, attributes in seen if "id" in attributes]
    assert len(ids) == len(set(ids))
    labels = [attributes["aria-label"] for _, attributes in seen if attributes.get("role") == "region"]
    assert len(labels) == len(set(labels))
    for _, attributes in seen:
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")


@pytest.mark.slow
@pytest.mark.parametrize("evidence", [SOURCE.evidence, Evidence()], ids=["pictures", "none"])
def test_a_browser_finds_nothing_to_mind(manifest: Manifest, folder: Path, tmp_path: Path, evidence: Evidence) -> None:
    browser = find_browser()
    source = SOURCE.model_copy(update={"evidence": evidence})
    text = card_page(model_card(manifest, folder.name, source, proof(folder, manifest)), evidence)
    for view in views_of(browser, text, tmp_path):
        where = f"{view['width']} {view['theme']} {view['media']}"
        assert view["violations"] == [], where
        assert view["passes"] > 15, where
        assert view["overflow"] == 0, where
        assert view["smallest"] >= 10, where
        assert view["charts"] == 2 * bool(evidence.reliability), where
        assert view["said"] == [], where
        assert view["requests"] == 1, where
        assert (sum(map(int, re.findall(r"\d+", view["paper"])[:3])) < 150) == (view["theme"] == "dark"), where


def test_the_same_version_has_the_same_papers(built: Versions, tmp_path: Path) -> None:
    again = build_versions(tmp_path, ("good",))
    one, other = built.folder / built.version["good"], again.folder / again.version["good"]
    names = {path.name for path in one.iterdir() if path.is_file()}
    assert {CARD_FILE, CARD_SOURCE_FILE, PAGE_FILE, "parity.json"} <= names
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_a_version_of_an_earlier_release_keeps_its_card(house: Versions, folder: Path, export: Call) -> None:
    (folder / CARD_SOURCE_FILE).unlink()
    (folder / PAGE_FILE).unlink()
    (folder / CARD_FILE).write_text("# a card\n\nof then\n")
    done = export("papers", SIGNAL_CLASSIFIER, folder.name, "--artifacts", house.artifacts)
    assert done.code == 0, done.err
    assert (folder / CARD_FILE).read_text() == "# a card\n\nof then\n"
    assert "of then" in (folder / PAGE_FILE).read_text()


@pytest.mark.parametrize("content", ["{", "[]", '{"purpose": 1}', '{"more": 1}', '{"evidence": {"reliability": 5}}'])
def test_a_broken_source_of_the_card_is_named(house: Versions, folder: Path, export: Call, content: str) -> None:
    (folder / CARD_SOURCE_FILE).write_text(content)
    done = export("papers", SIGNAL_CLASSIFIER, folder.name, "--artifacts", house.artifacts)
    assert done.code == 2
    assert CARD_SOURCE_FILE in done.err


def test_papers_of_what_is_not_there_are_refused(house: Versions, export: Call) -> None:
    place = ("--artifacts", house.artifacts)
    assert "no such version" in export("papers", SIGNAL_CLASSIFIER, "0" * 12, *place).err
    assert export("papers", SIGNAL_CLASSIFIER, *place).code == 2  # none is in use
    assert export("papers", house.root / "nowhere").code == 2


def bom_parts() -> tuple[Any, Any]:
    pytest.importorskip("cyclonedx", reason="the extra `bom` is not installed")
    pytest.importorskip("jsonschema", reason="the extra `bom` is not installed")
    from export.papers import bom, provenance

    return bom, provenance


def test_the_bill_of_materials_is_valid_and_names_what_the_version_is_made_of(folder: Path, manifest: Manifest) -> None:
    bom, _ = bom_parts()
    content = bom.bill_of_materials(folder, manifest, "a purpose")
    bom.require_valid(content)
    found = json.loads(content)
    model = found["metadata"]["component"]
    assert (found["specVersion"], model["type"]) == ("1.6", "machine-learning-model")
    assert (model["name"], model["version"]) == (SIGNAL_CLASSIFIER, folder.name)
    assert model["modelCard"]["modelParameters"]["task"] == "classifier"
    assert model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"][0]["value"] == "0.1"
    hashes = {one["name"]: one["hashes"][0]["content"] for one in found["components"] if one["type"] == "file"}
    assert hashes["model.onnx"] == manifest.graph.sha256
    assert any(one.get("purl", "").startswith("pkg:pypi/scikit-learn@") for one in found["components"])
    assert "timestamp" not in content.decode()
    assert content == bom.bill_of_materials(folder, manifest, "a purpose")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: found.update(bomFormat="SPDX"),
        lambda found: found.update(more=1),
        lambda found: found["metadata"]["component"].update(type="model"),
        lambda found: found["metadata"]["component"]["modelCard"].update(more=1),
        lambda found: found["components"][1]["hashes"][0].update(content="0"),
    ],
)
def test_what_the_schema_does_not_allow_is_found(
    folder: Path, manifest: Manifest, spoil: Callable[[dict[str, Any]], object]
) -> None:
    bom, _ = bom_parts()
    found = json.loads(bom.bill_of_materials(folder, manifest))
    spoil(found)
    with pytest.raises(PipelineError, match=r"not valid by CycloneDX 1\.6"):
        bom.require_valid(json.dumps(found).encode())


def test_the_provenance_is_an_in_toto_statement_of_the_versions_files(folder: Path, manifest: Manifest) -> None:
    _, provenance = bom_parts()
    content = provenance.provenance(folder, manifest)
    found = json.loads(content)
    assert found["predicateType"] == "https://slsa.dev/provenance/v1"
    digests = {one["name"]: one["digest"]["sha256"] for one in found["subject"]}
    assert digests["model.onnx"] == manifest.graph.sha256
    assert digests["manifest.json"].startswith(folder.name)
    assert found["predicate"]["buildDefinition"]["externalParameters"]["model"] == SIGNAL_CLASSIFIER
    assert content == provenance.provenance(folder, manifest)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: found.update(more=1),
        lambda found: found.update(_type="https://in-toto.io/Statement/v0.1"),
        lambda found: found.update(subject=[]),
        lambda found: found["subject"][0].update(digest={}),
        lambda found: found.update(predicateType="https://slsa.dev/provenance/v0.2"),
        lambda found: found["predicate"].update(more=1),
        lambda found: found["predicate"]["buildDefinition"].pop("buildType"),
        lambda found: found["predicate"]["buildDefinition"].pop("externalParameters"),
        lambda found: found["predicate"]["runDetails"].pop("builder"),
    ],
)
def test_a_provenance_that_is_none_is_found(
    folder: Path, manifest: Manifest, spoil: Callable[[dict[str, Any]], object]
) -> None:
    _, provenance = bom_parts()
    found = json.loads(provenance.provenance(folder, manifest))
    spoil(found)
    with pytest.raises(PipelineError, match=r"provenance\.intoto\.json"):
        provenance.require_valid(json.dumps(found).encode())


def test_without_the_extra_there_are_cards_and_nothing_else(
    folder: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("export.papers.write.has_bom", lambda: False)
    assert set(papers(folder, manifest, None)) == {CARD_FILE, PAGE_FILE}


@pytest.mark.slow
def test_the_signature_covers_every_paper_and_none_is_written_into_what_is_signed(
    house: Versions, folder: Path, export: Call
) -> None:
    pytest.importorskip("model_signing", reason="the extra `sign` is not installed")
    key = house.root / "private" / "key.pem"
    assert export("keygen", key, house.root / "key.pub.pem").code == 0
    place = ("--artifacts", house.artifacts)
    assert export("promote", SIGNAL_CLASSIFIER, folder.name, *place, "--from", house.source, "--key", key).code == 0
    refused = export("papers", SIGNAL_CLASSIFIER, *place)
    assert refused.code == 2
    assert "is signed (step 1)" in refused.err
    names = [path.name for path in folder.iterdir() if path.suffix in (".json", ".md", ".html")]
    assert len(names) >= 5
    for name in names:
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole + b" ")
        assert export("sign", SIGNAL_CLASSIFIER, *place, "--key", key).code == 2, name
        (folder / name).write_bytes(whole)
    assert export("sign", SIGNAL_CLASSIFIER, *place, "--key", key).code == 0
