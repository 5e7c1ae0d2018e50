"""How a version came about, as an in-toto statement with SLSA's provenance v1 (extra `bom`).

The in-toto project's own messages give the form: a field that they do not know is an error. Times are left out, which
SLSA allows: equal versions have equal papers. It is covered by the version's signature, as every file of the folder is.
"""

import json
from pathlib import Path
from typing import Any

from export.artifact.manifest import GOLDEN_FILE, GRAPH_FILE, MANIFEST_FILE, Manifest
from train.core.errors import PipelineError
from train.core.files import json_bytes, read_bytes, sha256_hex

PROVENANCE_FILE = "provenance.intoto.json"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:dollarbill-ml:train-and-export:v1"
BUILDER = "urn:dollarbill-ml:python-m-export"


def provenance(folder: Path, manifest: Manifest) -> bytes:
    """The statement; its subjects are the files whose hashes name the version.

    Raises:
        PipelineError: the extra `bom` is not installed.
    """
    training, made = manifest.training, manifest.training.provenance
    parameters = made.parameters if made else {"estimator": training.estimator}
    dependencies: list[dict[str, Any]] = []
    if training.data.sha256:
        dependencies.append({"name": training.data.source, "digest": {"sha256": training.data.sha256}})
    if training.window:
        dependencies.append({"name": "window.zip", "digest": {"sha256": training.window}})
    if made and made.source:
        commit, clean = made.source.rstrip("+"), not made.source.endswith("+")
        dependencies.append({"name": "source", "digest": {"gitCommit": commit}, "annotations": {"as committed": clean}})
    libraries = training.libraries | (made.libraries if made else {})
    dependencies += [
        {"name": name, "uri": f"pkg:pypi/{name.lower()}@{version}"}
        for name, version in sorted(libraries.items())
        if name != "python"
    ]
    internal = {
        "random_state": training.random_state,
        "python": libraries.get("python", ""),
        "machine": made.machine if made else [],
        "data": training.data.model_dump(mode="json"),
    }
    predicate = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"model": manifest.model, **parameters},
            "internalParameters": internal,
            "resolvedDependencies": dependencies,
        },
        "runDetails": {"builder": {"id": BUILDER}},
    }
    subject = [
        {"name": path, "digest": {"sha256": sha256_hex(read_bytes(folder / path))}}
        for path in (MANIFEST_FILE, GRAPH_FILE, GOLDEN_FILE)
    ]
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    }
    content = json_bytes(statement)
    require_valid(content)
    return content


def require_valid(content: bytes) -> None:
    """Hold a statement against in-toto's own messages, unknown fields refused.

    Raises:
        PipelineError: it is not valid; says where.
    """
    try:
        from google.protobuf import json_format
        from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
        from in_toto_attestation.v1 import statement, statement_pb2
    except ImportError as error:
        raise PipelineError(
            f"provenance needs the extra `bom` ({error}); install it: python -m pip install '.[bom]'"
        ) from error
    try:
        found = json_format.Parse(content, statement_pb2.Statement())
        statement.Statement.copy_from_pb(found).validate()
        fields = json.loads(content)
        made = json_format.ParseDict(fields["predicate"], provenance_pb2.Provenance())
        asked = {
            "predicateType": fields["predicateType"] == PREDICATE_TYPE,
            "predicate.buildDefinition.buildType": bool(made.build_definition.build_type),
            "predicate.buildDefinition.externalParameters": made.build_definition.HasField("external_parameters"),
            "predicate.runDetails.builder.id": bool(made.run_details.builder.id),
        }
    except (json_format.ParseError, ValueError, KeyError) as error:
        raise PipelineError(f"{PROVENANCE_FILE}: not valid: {' '.join(str(error).split())[:300]}") from error
    missing = [name for name, there in asked.items() if not there]
    if missing:
        raise PipelineError(f"{PROVENANCE_FILE}: field {missing[0]!r}: is missing, and SLSA's provenance asks for it")
