"""Promotion: the gate, and what passes it put into use, alone in the model's folder."""

from dataclasses import dataclass, field
from pathlib import Path

from export.artifact.manifest import read_manifest
from export.artifact.version_folder import CANDIDATE, CURRENT, changing, read_pointer
from export.versions.finding import Finding, refused
from export.versions.gate import judge
from export.versions.live import LiveData
from export.versions.steps import Step, history
from export.versions.switch import Sign, put_into_use, there, versions
from train.config import Config
from train.core.errors import PipelineError
from train.registry import models


@dataclass(frozen=True)
class Promotion:
    """How a promotion ended: `step` is None where nothing changed; `passed` is false where the gate refused."""

    version: str
    findings: list[Finding] = field(default_factory=list)
    step: Step | None = None
    passed: bool = True
    forced: bool = False


def promote(
    model_folder: Path,
    version: str | None,
    *,
    source: Path | None,
    config: Config,
    why: str,
    force: bool = False,
    sign: Sign | None = None,
    live: LiveData | None = None,
) -> Promotion:
    """Put a version into use if the gate lets it pass.

    Args:
        model_folder: of the model.
        version: None means the candidate.
        source: the folder that training wrote; None for a model that is not of this house.
        config: gate and trust.
        why: for the history.
        force: put it into use whatever the gate found; the findings are kept in the history.
        sign: signs the step and the version.
        live: logs on which the gate decides, too.

    Raises:
        PipelineError: there is no such version, it or the history is damaged, or the policy asks for a signature.
    """
    with changing(there(model_folder)):
        folder = _asked(model_folder, version)
        current = read_pointer(model_folder, CURRENT)
        history(model_folder)  # what is in use must be sound before something is built on it
        if current is not None and current.version == folder.name:
            read_manifest(folder)  # "in use already" is said of what is sound
            put_into_use(model_folder, folder.name, event="promote", why=why)
            return Promotion(folder.name)
        require_signature(config, sign)
        findings = judge(
            folder,
            None if current is None else model_folder / current.version,
            model=models().get(model_folder.resolve().name),
            source=source,
            settings=config.gate,
            live=live,
        )
        passed = not refused(findings)
        if not passed and not force:
            return Promotion(folder.name, findings, passed=False)
        step = put_into_use(
            model_folder,
            folder.name,
            event="promote",
            why=why,
            sign=sign,
            forced=not passed,
            gate=[finding.to_json() for finding in findings],
        )
        return Promotion(folder.name, findings, step, forced=not passed)


def require_signature(config: Config, sign: Sign | None) -> None:
    """Where engines load signed versions only, an unsigned one would stop the next from starting."""
    if config.trust.policy == "require" and sign is None:
        raise PipelineError("trust.policy is 'require': name the private key with --key, or engines will refuse it")


def _asked(model_folder: Path, version: str | None) -> Path:
    if version is None:
        candidate = read_pointer(model_folder, CANDIDATE)
        if candidate is None:
            raise PipelineError(
                f"{model_folder}: no candidate; run `python -m export {model_folder.name}`, or name a version"
            )
        version = candidate.version
    if version not in versions(model_folder):
        raise PipelineError(f"{model_folder / version}: no such version")
    return model_folder / version
