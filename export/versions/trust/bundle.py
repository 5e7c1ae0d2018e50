"""A signature file read strictly: a sigstore bundle (v0.3), a DSSE envelope, an in-toto statement; made with a key.

What `runtime/src/artifact/trust/bundle.rs` refuses is refused here: the library takes some of it (no resources, several
signatures, other hashes), and a signature that one language takes and the other does not is no use.
"""

import base64
import binascii
import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from train.core.errors import PipelineError
from train.core.files import sha256_hex

SHA256 = r"^[0-9a-f]{64}$"
MOST_RESOURCES = 4096
SINGLE_FILE = "."
"""What the library calls the file where a model is a single one; the specification calls it by its name."""
Kind = TypeVar("Kind", bound=BaseModel)


class _Part(BaseModel):
    """Fields that the specification does not name are let pass: verifiers must ignore them."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class _Hint(_Part):
    hint: str | None = None


class _Material(_Part):
    public_key: Annotated[_Hint, Field(alias="publicKey")]
    certificate: Annotated[None, Field(alias="certificate")] = None
    chain: Annotated[None, Field(alias="x509CertificateChain")] = None


class _Sig(_Part):
    sig: str


class _Envelope(_Part):
    payload: str
    payload_type: Annotated[Literal["application/vnd.in-toto+json"], Field(alias="payloadType")]
    signatures: Annotated[list[_Sig], Field(min_length=1, max_length=1)]


class Bundle(_Part):
    """The whole file."""

    media_type: Annotated[Literal["application/vnd.dev.sigstore.bundle.v0.3+json"], Field(alias="mediaType")]
    material: Annotated[_Material, Field(alias="verificationMaterial")]
    envelope: Annotated[_Envelope, Field(alias="dsseEnvelope")]

    @property
    def payload(self) -> bytes:
        """What was signed."""
        return base64.b64decode(self.envelope.payload, validate=True)

    @property
    def signature(self) -> bytes:
        """By whom: ECDSA, ASN.1 DER."""
        return base64.b64decode(self.envelope.signatures[0].sig, validate=True)


class _Digest(_Part):
    sha256: Annotated[str, Field(pattern=SHA256)]


class _Subject(_Part):
    name: str
    digest: _Digest


class _Serialization(_Part):
    method: Literal["files"]
    hash_type: Literal["sha256"]
    allow_symlinks: bool
    ignore_paths: list[str] = []


class _Resource(_Part):
    name: str
    algorithm: Literal["sha256"]
    digest: Annotated[str, Field(pattern=SHA256)]


class _Predicate(_Part):
    serialization: _Serialization
    resources: Annotated[list[_Resource], Field(min_length=1, max_length=MOST_RESOURCES)]


class Statement(_Part):
    """What is signed: the model's name, and the SHA-256 of every file by its path."""

    kind: Annotated[Literal["https://in-toto.io/Statement/v1"], Field(alias="_type")]
    subject: Annotated[list[_Subject], Field(min_length=1, max_length=1)]
    predicate_type: Annotated[Literal["https://model_signing/signature/v1.0"], Field(alias="predicateType")]
    predicate: _Predicate

    @model_validator(mode="after")
    def _sound(self) -> "Statement":
        digests = b""
        names = set()
        for one in self.predicate.resources:
            if one.name == SINGLE_FILE and len(self.predicate.resources) == 1:
                pass
            elif "\\" in one.name or "\0" in one.name or {"", ".", ".."} & set(one.name.split("/")):
                raise ValueError(f"resource {one.name!r}: must be a plain path within the folder")
            if one.name in names:
                raise ValueError(f"resource {one.name!r}: stands twice")
            names.add(one.name)
            digests += bytes.fromhex(one.digest)
        if self.subject[0].digest.sha256 != sha256_hex(digests):
            raise ValueError("field 'subject.digest': is not that of the resources")
        return self

    @property
    def files(self) -> dict[str, str]:
        """Path -> SHA-256."""
        return {one.name: one.digest for one in self.predicate.resources}


def read_bundle(where: str, content: bytes) -> tuple[Bundle, Statement]:
    """A signature file as it stands; whether its signature is good is not known then.

    Args:
        where: named in errors.
        content: of the file.

    Raises:
        PipelineError: it is not one, or says what is not known here; names the field.
    """
    bundle = _typed(where, Bundle, _json(where, content))
    try:
        payload = bundle.payload
        _ = bundle.signature
    except binascii.Error as error:
        raise PipelineError(f"{where}: field 'dsseEnvelope': payload or sig is no base64: {error}") from error
    return bundle, _typed(where, Statement, _json(f"{where}: payload", payload))


def _json(where: str, content: bytes) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            raise ValueError("a key stands twice")
        return made

    try:
        return json.loads(content.decode(), object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise PipelineError(f"{where}: not JSON: {error}; sign again") from error


def _typed(where: str, kind: type[Kind], value: Any) -> Kind:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        raise PipelineError(f"{where}: field {field!r}: {said}; it is no signature that is known here") from error
