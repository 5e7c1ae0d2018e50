//! A model of anybody's, behind a handle that many threads share.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::any_model::answers::Answers;
use crate::any_model::inputs::{check_row, ordered};
use crate::any_model::live::{AnyShadow, log};
use crate::any_model::ready::{Ready, answer, check_flat, check_one, checked, gathered, observed, refused, spread};
use crate::any_model::signature::Signature;
use crate::artifact::array::Array;
use crate::artifact::place::locate;
use crate::artifact::trust::settings::Trust;
use crate::artifact::version::Version;
use crate::engine::place::Place;
use crate::error::Error;
use crate::service::live::Live;
#[cfg(feature = "live")]
use crate::service::live::log::LogHealth;
use crate::service::live::settings::LogSettings;
use crate::service::meter;
use crate::service::serving_slot::is_named;
use crate::service::watcher::{Watch, sealed};

/// How a model is opened: see [`Model::options`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ModelOptions {
    lanes: usize,
    library: Option<PathBuf>,
    place: Option<Place>,
    trust: Trust,
    log: Option<LogSettings>,
    shadow: Option<Version>,
}

impl ModelOptions {
    /// How many calls run at the same time; each lane holds a copy of the model.
    pub fn lanes(mut self, lanes: usize) -> Self {
        self.lanes = lanes;
        self
    }

    /// The onnxruntime library; a process can hold one only.
    pub fn library(mut self, path: impl Into<PathBuf>) -> Self {
        self.library = Some(path.into());
        self
    }

    /// Where the library is looked for when none is named.
    pub fn place(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Whose versions are loaded, at first and by every reload; without this, anybody's.
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// Logs what is asked and answered, as `runtime.log` does for a service; needs the feature `live`.
    pub fn log(mut self, log: LogSettings) -> Self {
        self.log = Some(log);
        self
    }

    /// A version in the model's folder that answers beside the one in use, for the log alone.
    pub fn shadow(mut self, version: Version) -> Self {
        self.shadow = Some(version);
        self
    }

    /// Opens the model: as [`Model::open`].
    ///
    /// # Errors
    /// As [`Model::open`], and [`Error::Signature`] where [`Trust`] asks for a signature; [`Error::Input`] for a shadow
    /// where nothing is logged.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Model, Error> {
        let place = match (self.library, self.place) {
            (Some(library), _) => Place::library_at(&library),
            (None, Some(place)) => place,
            (None, None) => Place::find(None)?,
        };
        let path = path.as_ref().to_path_buf();
        let (lanes, trust) = (self.lanes, self.trust);
        let ready = Ready::load(&locate(&path)?, &place, lanes, None, &trust)?;
        let live = self.log.as_ref().map(Live::open).transpose()?;
        if self.shadow.is_some() && live.is_none() {
            let reason = "a shadow's answers go to the log; set ModelOptions::log".to_owned();
            return Err(Error::Input { place: format!("model {}", ready.signature.name), reason });
        }
        let shadow = self.shadow.map(|version| {
            let folder = if path.join("current.json").exists() { Some(path.as_path()) } else { path.parent() };
            let folder = folder.unwrap_or(Path::new("."));
            Arc::new(AnyShadow::open(version, folder.to_path_buf(), &ready.signature.name, &place, &trust))
        });
        let current = ArcSwap::from_pointee(ready);
        Ok(Model(Arc::new(Inner { path, place, lanes, trust, current, live, shadow })))
    }
}

#[doc(hidden)]
pub struct Inner {
    path: PathBuf,
    place: Place,
    lanes: usize,
    trust: Trust,
    current: ArcSwap<Ready>,
    live: Option<Live>,
    shadow: Option<Arc<AnyShadow>>,
}

/// A compiled model of any kind, proven on the engine that serves it, for any number of threads; a clone is another handle to it.
///
/// # Examples
/// ```
/// use dollarbill_ml::{Array, Model};
/// # let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/others/mixed");
/// let model = Model::open(path)?; // a folder that `python -m export` and `python -m verify` wrote
/// println!("{}", model.signature()); // what it takes and gives
/// let answers = model.run_named([
///     ("x", Array::new([1, 2], vec![30.0, 1.5])),
///     ("count", Array::new([1], vec![3_i64])),
///     ("weight", Array::new([1], vec![0.5_f32])),
///     ("colour", Array::new([1], vec!["red".to_owned()])),
/// ])?;
/// assert_eq!(answers.output("doubled")?.int64(), Some([6].as_slice()));
/// # Ok::<(), dollarbill_ml::Error>(())
/// ```
#[derive(Clone)]
pub struct Model(Arc<Inner>);

impl std::fmt::Debug for Model {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let signature = self.signature();
        formatter
            .debug_struct("Model")
            .field("name", &signature.name)
            .field("version", &signature.version)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// Opens a model folder (the version that its `current.json` names), a version folder, or its `model.onnx`, with as
    /// many lanes as there are cores, up to eight.
    ///
    /// # Errors
    /// There is no usable onnxruntime, no artifact, or one that is damaged, of another format, holds an operator that is
    /// not allowed, or does not answer its golden cases as the original did.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::options().open(path)
    }

    /// Opens with other lanes or a library of one's own.
    ///
    /// # Examples
    /// ```
    /// # let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/others/mixed");
    /// let model = dollarbill_ml::Model::options().lanes(1).open(path)?;
    /// # Ok::<(), dollarbill_ml::Error>(())
    /// ```
    pub fn options() -> ModelOptions {
        let lanes = std::thread::available_parallelism().map_or(1, usize::from).min(8);
        ModelOptions { lanes, library: None, place: None, trust: Trust::default(), log: None, shadow: None }
    }

    /// What the version in use takes and gives. A reload can change it.
    #[must_use]
    pub fn signature(&self) -> Arc<Signature> {
        Arc::clone(&self.0.current.load().signature)
    }

    /// Answers one flat row: the columns of all inputs one after the other. Places of int64 must be whole, places of
    /// float32 are rounded as a cast does.
    ///
    /// # Errors
    /// [`Error::Input`] with tensor and column: the row is too short or too long, a value is not accepted, or the model
    /// takes no rows of numbers (an input or output is of text or has a free axis: [`Model::run_named`]).
    ///
    /// # Examples
    /// ```
    /// # let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/others");
    /// let model = dollarbill_ml::Model::open(folder.join("numbers"))?;
    /// let answers = model.run_one(&[30.0, 1.5, 3.0])?;
    /// assert_eq!(answers.output("sum")?.float64(), Some([31.5].as_slice()));
    /// let error = model.run_one(&[300.0, 1.5, 3.0]).unwrap_err();
    /// assert!(error.to_string().contains("column 'age': must lie in 0..120 years, found 300"));
    /// # Ok::<(), dollarbill_ml::Error>(())
    /// ```
    pub fn run_one(&self, row: &[f64]) -> Result<Answers, Error> {
        let ready = self.0.current.load();
        observed(&ready, 1, || self.answered(&ready, &checked(&ready, row)?, None))
    }

    /// As [`Model::run_one`], but gives up when all lanes stay busy for so long. The run itself is not broken off.
    ///
    /// # Errors
    /// [`Error::Deadline`] besides those of [`Model::run_one`].
    pub fn run_one_within(&self, row: &[f64], within: Duration) -> Result<Answers, Error> {
        let ready = self.0.current.load();
        observed(&ready, 1, || self.answered(&ready, &checked(&ready, row)?, Some(within)))
    }

    /// As [`Model::run_one`], all outputs one after the other into `answer`, widened to float64. Without heap allocation
    /// (but for the labels of the feature `metrics`), and so without [`Answers::warnings`].
    ///
    /// # Errors
    /// As [`Model::run_one`]; [`Error::Length`] when `answer` does not have
    /// [`answer_width`](Signature::answer_width) places.
    pub fn run_one_into(&self, row: &[f64], answer: &mut [f64]) -> Result<(), Error> {
        let ready = self.0.current.load();
        observed(&ready, 1, || {
            check_one(&ready, row)?;
            ready.engine.run_one(row, answer)?;
            if let Some(live) = &self.0.live {
                let (inputs, answers) = (gathered(&ready, row), spread(&ready, answer));
                log(live, self.0.shadow.as_ref(), &ready.engine.manifest.inputs, &inputs, &answers);
            }
            Ok(())
        })
    }

    /// Answers flat rows as those of [`Model::run_one`], in order, all by one version.
    ///
    /// # Errors
    /// As [`Model::run_one`], with the number of the row, counted from 0.
    pub fn run<R: AsRef<[f64]>>(&self, rows: &[R]) -> Result<Answers, Error> {
        let ready = self.0.current.load();
        observed(&ready, rows.len(), || {
            check_flat(&ready)?;
            let mut flat = Vec::new();
            for (index, row) in rows.iter().enumerate() {
                check_row(&ready.engine.manifest.inputs, row.as_ref())
                    .map_err(|reason| Error::Input { place: format!("row {index}"), reason })?;
                flat.extend_from_slice(row.as_ref());
            }
            self.answered(&ready, &gathered(&ready, &flat), None)
        })
    }

    /// Answers named tensors of any type and shape that the model takes, each input once.
    ///
    /// # Errors
    /// [`Error::Input`] with tensor and column: missing, doubled, unknown, of a wrong type or shape, or with a value that
    /// is not accepted.
    pub fn run_named<'a>(&self, inputs: impl IntoIterator<Item = (&'a str, Array)>) -> Result<Answers, Error> {
        let ready = self.0.current.load();
        let inputs: Vec<_> = inputs.into_iter().collect();
        let rows = inputs.first().map_or(0, |(_, array)| array.rows());
        observed(&ready, rows, || {
            let arrays = ordered(&ready.engine.manifest.inputs, inputs).map_err(|wrong| refused(&ready, wrong))?;
            self.answered(&ready, &arrays, None)
        })
    }

    /// The answer to checked inputs, left to the log where there is one.
    fn answered(&self, ready: &Ready, arrays: &[Array], within: Option<Duration>) -> Result<Answers, Error> {
        let answers = answer(ready, arrays, within)?;
        if let Some(live) = &self.0.live {
            log(live, self.0.shadow.as_ref(), &ready.engine.manifest.inputs, arrays, &answers);
        }
        Ok(answers)
    }

    /// What became of the rows of the log so far; `None` where nothing is logged ([`ModelOptions::log`]).
    #[cfg(feature = "live")]
    #[must_use]
    pub fn log_health(&self) -> Option<LogHealth> {
        self.0.live.as_ref().map(Live::health)
    }

    /// As [`MlService::flush_log`](crate::MlService::flush_log).
    #[cfg(feature = "live")]
    #[must_use]
    pub fn flush_log(&self, within: Duration) -> bool {
        self.0.live.as_ref().is_none_or(|live| live.flush(within))
    }

    /// A handle that stays on the version in use.
    #[cfg(feature = "files")]
    pub(crate) fn pinned(&self) -> Self {
        let Inner { path, place, lanes, trust, current, live, shadow } = &*self.0;
        let current = ArcSwap::new(current.load_full());
        let (path, place, trust) = (path.clone(), place.clone(), trust.clone());
        let (live, shadow) = (live.clone(), shadow.clone());
        Self(Arc::new(Inner { path, place, lanes: *lanes, trust, current, live, shadow }))
    }

    /// Looks whether `current.json` names another version; if so loads it aside, proves it on its golden cases and swaps
    /// it in, in one step. Calls that run meanwhile finish on the version they began with.
    ///
    /// Gives the new version, or `None` when there is nothing new.
    ///
    /// # Errors
    /// The new version is refused; the one in use stays.
    pub fn reload(&self) -> Result<Option<Version>, Error> {
        let before = self.0.current.load();
        let _span = meter::reload_span(&before.signature.name).entered();
        let found = self.refresh();
        meter::reload(&before.label, &found);
        found
    }

    fn refresh(&self) -> Result<Option<Version>, Error> {
        let Inner { path, place, lanes, trust, current, shadow, .. } = &*self.0;
        let located = locate(path)?;
        let before = current.load();
        if let Some(shadow) = shadow {
            shadow.look_again(&before.signature.name, place, trust);
        }
        if is_named(&located.folder, Some(before.signature.version)) {
            return Ok(None);
        }
        let ready = Ready::load(&located, place, *lanes, Some(&before.signature.name), trust)?;
        let version = ready.signature.version;
        if version == before.signature.version {
            return Ok(None);
        }
        current.store(Arc::new(ready));
        tracing::info!(%version, "model replaced");
        Ok(Some(version))
    }
}

impl sealed::Sealed for Model {}

impl Watch for Model {
    type Weak = Weak<Inner>;

    fn weak(&self) -> Weak<Inner> {
        Arc::downgrade(&self.0)
    }

    fn strong(weak: &Weak<Inner>) -> Option<Self> {
        weak.upgrade().map(Self)
    }

    fn reload_each(&self) -> Vec<(String, Result<Option<Version>, Error>)> {
        vec![(self.signature().name.clone(), self.reload())]
    }
}
