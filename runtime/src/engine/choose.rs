//! Loads a model into the engine that is asked for, or into the one that can: nothing answers before it was proven.

use std::path::Path;

use crate::artifact::manifest::Manifest;
use crate::artifact::read::Artifact;
use crate::engine::agree::first_difference;
use crate::engine::choice::EngineChoice;
use crate::engine::loaded::Engine;
use crate::engine::place::Place;
use crate::engine::replay::{Replay, prove};
use crate::error::Error;

/// What a model is loaded with.
pub(crate) struct Loading<'a> {
    pub(crate) place: &'a Place,
    /// The version folder.
    pub(crate) folder: &'a Path,
    /// The model that it must hold; `None` for whichever it is.
    pub(crate) asked: Option<&'a str>,
    pub(crate) lanes: usize,
}

/// Loads a version folder and proves it on the engine that will serve it.
pub(crate) fn load_proven(
    loading: &Loading<'_>,
    contract: impl FnOnce(&Manifest) -> Result<(), String>,
) -> Result<(Engine, Replay), Error> {
    let artifact = Artifact::checked(loading.folder, loading.asked, contract)?;
    let (engine, replay) = match loading.place.engine {
        EngineChoice::Onnxruntime => proven(loading, &artifact, asked_for(loading, &artifact)?)?,
        EngineChoice::Native => proven(loading, &artifact, only_native(&artifact)?)?,
        EngineChoice::Auto => automatic(loading, &artifact)?,
    };
    let (model, version, kind) = (engine.name(), engine.version, engine.kind());
    tracing::debug!(model, %version, engine = %kind, why = engine.why, cases = replay.cases, "model proven");
    Ok((engine, replay))
}

/// As [`load_proven`], without the golden cases: for proof of parity, which brings rows of its own.
pub(crate) fn load_unproven(
    loading: &Loading<'_>,
    contract: impl FnOnce(&Manifest) -> Result<(), String>,
) -> Result<Engine, Error> {
    let artifact = Artifact::checked(loading.folder, loading.asked, contract)?;
    match loading.place.engine {
        EngineChoice::Onnxruntime => asked_for(loading, &artifact),
        EngineChoice::Native => only_native(&artifact),
        EngineChoice::Auto => match Engine::native(&artifact) {
            Ok(engine) => Ok(engine),
            Err(reason) => in_its_place(loading, &artifact, &reason),
        },
    }
}

fn refuse(artifact: &Artifact, reason: String) -> Error {
    Error::Artifact { path: artifact.folder.join("model.onnx"), reason }
}

fn proven(loading: &Loading<'_>, artifact: &Artifact, engine: Engine) -> Result<(Engine, Replay), Error> {
    let replay = prove(&engine, &artifact.golden, loading.folder)?;
    Ok((engine, replay))
}

fn asked_for(loading: &Loading<'_>, artifact: &Artifact) -> Result<Engine, Error> {
    with_library(loading, artifact, "runtime.engine asks for it".to_owned())
}

fn with_library(loading: &Loading<'_>, artifact: &Artifact, why: String) -> Result<Engine, Error> {
    let library = loading.place.library()?;
    let engine = Engine::onnxruntime(artifact, &library, loading.lanes).map_err(|reason| refuse(artifact, reason))?;
    Ok(engine.because(why))
}

fn only_native(artifact: &Artifact) -> Result<Engine, Error> {
    let refuse = |reason| {
        refuse(
            artifact,
            format!("the native engine cannot run it: {reason}; set runtime.engine to \"auto\" or \"onnxruntime\""),
        )
    };
    let engine = Engine::native(artifact).map_err(refuse)?;
    Ok(engine.because("runtime.engine asks for it".to_owned()))
}

/// onnxruntime for what native does not know.
fn in_its_place(loading: &Loading<'_>, artifact: &Artifact, reason: &str) -> Result<Engine, Error> {
    with_library(loading, artifact, format!("the native engine does not run it: {reason}")).map_err(|error| match error
    {
        Error::LibraryMissing { .. } | Error::Feature { .. } => {
            refuse(artifact, format!("the native engine cannot run it: {reason}; and {error}"))
        }
        other => other,
    })
}

/// Native where it knows the graph, answers the golden cases, and agrees with onnxruntime where that is looked at.
fn automatic(loading: &Loading<'_>, artifact: &Artifact) -> Result<(Engine, Replay), Error> {
    let engine = match Engine::native(artifact) {
        Ok(engine) => engine,
        Err(reason) => return proven(loading, artifact, in_its_place(loading, artifact, &reason)?),
    };
    let replay = match prove(&engine, &artifact.golden, loading.folder) {
        Ok(replay) => replay,
        Err(error) => {
            // Where onnxruntime answers as the original did, it serves; else the artifact is at fault.
            let Ok(other) = with_library(loading, artifact, format!("native is not in parity: {error}")) else {
                return Err(error);
            };
            let done = proven(loading, artifact, other)?;
            tracing::warn!("model {}: onnxruntime serves: native is not in parity: {error}", engine.name());
            return Ok(done);
        }
    };
    let alone = |engine: Engine, why: String| Ok((engine.because(why), replay));
    if !loading.place.crosses {
        return alone(engine, "it knows every operator and answers the golden cases".to_owned());
    }
    let library = match loading.place.library() {
        Ok(library) => library,
        Err(Error::LibraryMissing { .. } | Error::Feature { .. }) => {
            return alone(
                engine,
                "it knows every operator and answers the golden cases; there is no onnxruntime".to_owned(),
            );
        }
        Err(error) => return Err(error),
    };
    let other = match Engine::onnxruntime(artifact, &library, loading.lanes) {
        Ok(other) => other,
        Err(reason) => return alone(engine, format!("it knows every operator and answers the golden cases; {reason}")),
    };
    match first_difference(&engine, &other, &artifact.golden)? {
        Ok(rows) => alone(engine, format!("it agrees with onnxruntime on {rows} rows")),
        Err(difference) => {
            let done = proven(loading, artifact, other.because(difference.clone()))?;
            tracing::warn!("model {}: onnxruntime serves, as native differs from it: {difference}", done.0.name());
            Ok(done)
        }
    }
}
