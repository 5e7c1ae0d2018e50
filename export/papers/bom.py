"""A version's bill of materials: CycloneDX with a machine-learning model in it (extra `bom`).

The library writes the document and checks it against the schema that it brings; it has no form for a model's card,
which is put in as the schema has it. Nothing in it depends on time or machine: equal versions have equal papers.
"""

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export.artifact.manifest import GOLDEN_FILE, GRAPH_FILE, MANIFEST_FILE, Manifest
from train.core.errors import PipelineError
from train.core.files import json_bytes, read_bytes, sha256_hex

BOM_FILE = "bom.cdx.json"
_SPACE = uuid.UUID("5b0f5a5e-2f0e-5c56-9a3e-3d2f2c3d6b10")
"""What serial numbers are derived in, with the version."""


def bill_of_materials(folder: Path, manifest: Manifest, purpose: str = "") -> bytes:
    """The document, valid by CycloneDX 1.6.

    Args:
        folder: of the version, whose name it bears.
        manifest: of it.
        purpose: what it is for.

    Raises:
        PipelineError: the extra `bom` is not installed.
    """
    try:
        from cyclonedx.model import HashAlgorithm, HashType, Property, bom, component
        from cyclonedx.output.json import JsonV1Dot6
        from packageurl import PackageURL
    except ImportError as error:
        raise PipelineError(
            f"a bill of materials needs the extra `bom` ({error}); install it: python -m pip install '.[bom]'"
        ) from error

    def sha256(path: str) -> HashType:
        return HashType(alg=HashAlgorithm.SHA_256, content=sha256_hex(read_bytes(folder / path)))

    kind, training = component.ComponentType, manifest.training
    model = component.Component(
        type=kind.MACHINE_LEARNING_MODEL,
        name=manifest.model,
        version=folder.name,
        bom_ref="model",
        description=purpose or None,
        hashes=[sha256(MANIFEST_FILE)],
        properties=[
            Property(name="dollarbill:estimator", value=training.estimator),
            Property(name="dollarbill:random_state", value=str(training.random_state)),
            Property(name="dollarbill:parity", value=json.dumps(manifest.parity.model_dump())),
        ],
    )
    files = [
        component.Component(type=kind.FILE, name=path, bom_ref=f"file:{path}", hashes=[sha256(path)])
        for path in (GRAPH_FILE, GOLDEN_FILE, MANIFEST_FILE)
    ]
    libraries = [
        component.Component(
            type=kind.PLATFORM if name == "python" else kind.LIBRARY,
            name=name,
            version=version,
            bom_ref=f"library:{name}",
            purl=None if name == "python" else PackageURL("pypi", name=name.lower().replace("_", "-"), version=version),
        )
        for name, version in sorted(_libraries(manifest).items())
    ]
    data = component.Component(
        type=kind.DATA,
        name=training.data.source,
        bom_ref="data",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=training.data.sha256)] if training.data.sha256 else [],
    )
    whole = bom.Bom(
        components=[*files, *libraries, data],
        serial_number=uuid.uuid5(_SPACE, f"{manifest.model} {folder.name}"),
        metadata=bom.BomMetaData(component=model),
    )
    whole.register_dependency(model, [*files, *libraries, data])
    document = json.loads(JsonV1Dot6(whole).output_as_string())
    del document["metadata"]["timestamp"]
    document["metadata"]["component"]["modelCard"] = model_card_of(manifest, purpose)
    content = json_bytes(document)
    require_valid(content)
    return content


def require_valid(content: bytes) -> None:
    """Hold a document against the schema of CycloneDX 1.6, unknown fields refused.

    Raises:
        PipelineError: it is not valid; says where.
    """
    from cyclonedx.exception import MissingOptionalDependencyException
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    try:
        problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(content.decode())
    except MissingOptionalDependencyException as error:
        raise PipelineError(
            f"the schema of CycloneDX is checked by the extra `bom` ({error}); install it: pip install '.[bom]'"
        ) from error
    if problem is not None:
        said = " ".join(str(problem).split())[:300]
        raise PipelineError(f"{BOM_FILE}: not valid by CycloneDX 1.6: {said}")


def _libraries(manifest: Manifest) -> Mapping[str, str]:
    """Those of the provenance, which are all that compute; of an earlier release the few that it names."""
    made = manifest.training.provenance
    return manifest.training.libraries | (made.libraries if made else {})


def model_card_of(manifest: Manifest, purpose: str) -> dict[str, Any]:
    """CycloneDX's own form of a model's card."""
    approach = {"classifier": "supervised", "regressor": "supervised", "forecaster": "supervised"}
    parameters: dict[str, Any] = {
        "task": manifest.task,
        "modelArchitecture": manifest.training.estimator,
        "datasets": [{"ref": "data"}],
        "inputs": [{"format": f"{tensor.name}: {tensor.dtype} {tensor.shape}"} for tensor in manifest.inputs],
        "outputs": [{"format": f"{tensor.name}: {tensor.dtype} {tensor.shape}"} for tensor in manifest.outputs],
    }
    if manifest.task in approach:
        parameters["approach"] = {"type": approach[manifest.task]}
    metrics = []
    for row in manifest.quality:
        metrics.append({"type": row.metric, "value": f"{row.value:.6g}", "slice": "unseen data"})
        if row.low is not None and row.high is not None:
            bounds = {"lowerBound": f"{row.low:.6g}", "upperBound": f"{row.high:.6g}"}
            metrics[-1]["confidenceInterval"] = bounds  # type: ignore[assignment]
        metrics.append({"type": row.metric, "value": f"{row.baseline_value:.6g}", "slice": f"baseline: {row.baseline}"})
    card: dict[str, Any] = {"modelParameters": parameters}
    if metrics:
        card["quantitativeAnalysis"] = {"performanceMetrics": _once(metrics)}
    limits = ["Rows outside of what training saw are answered with a warning, and rest on no evidence."]
    card["considerations"] = {"technicalLimitations": limits}
    if purpose:
        card["considerations"]["useCases"] = [purpose]
    return card


def _once(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({json.dumps(row, sort_keys=True): row for row in rows}.values())
