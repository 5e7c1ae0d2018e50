//! What is timed, by name: `<what>.<who>`.

use std::cell::OnceCell;
use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};

use dollarbill_ml::artifact::{Evaluator, Place};
use dollarbill_ml::{Config, EngineChoice, MlService, Model, TradeSignal, batch, observe};
use jiff::ToSpan;
use ort::environment::Environment;
use serde_json::Value;

use super::graph::{BLOCK, Graph, version};
use super::signals;

/// Rows, outputs with their lengths, and the shape of a row.
type Windows = (Vec<f64>, Vec<(String, Vec<i64>)>, Vec<i64>);

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Rows of a large batch of signals.
pub(crate) const MANY: usize = 100_000;
/// Forecasts in a call.
const FORECASTS: usize = 256;

/// Something that can be timed.
pub(crate) struct Subject {
    /// How many things a block does.
    pub(crate) things: usize,
    pub(crate) block: Box<dyn FnMut()>,
    /// A single thing.
    pub(crate) one: Box<dyn FnMut()>,
}

impl Subject {
    /// Blocks of so many single things.
    fn of(things: usize, one: impl FnMut() + Clone + 'static) -> Self {
        let (mut first, second) = (one.clone(), one);
        Self { things, block: Box::new(move || (0..things).for_each(|_| first())), one: Box::new(second) }
    }

    /// A block that cannot be taken apart.
    fn whole(things: usize, block: impl FnMut() + 'static) -> Self {
        Self { things, block: Box::new(block), one: Box::new(|| ()) }
    }
}

/// What all subjects stand on.
pub(crate) struct Bench {
    /// Made when a stock graph is asked for: a process has one, and the crate's own sessions make theirs.
    environment: OnceCell<Environment>,
    library: PathBuf,
    config: Config,
    stock: PathBuf,
}

impl Bench {
    pub(crate) fn new() -> Result<Self> {
        let library: PathBuf =
            std::env::var_os("ORT_DYLIB_PATH").ok_or("set ORT_DYLIB_PATH to a libonnxruntime")?.into();
        let stock = std::env::var_os("DOLLARBILL_ML_STOCK").ok_or("set DOLLARBILL_ML_STOCK to a folder")?.into();
        Ok(Self { environment: OnceCell::new(), library, config: Config::find(None)?, stock })
    }

    fn environment(&self) -> Result<&Environment> {
        if self.environment.get().is_none() {
            let made = ort::init_from(&self.library)?.with_telemetry(false).build()?;
            return Ok(self.environment.get_or_init(|| made));
        }
        self.environment.get().ok_or_else(|| "no environment".into())
    }

    fn place(&self, who: &str) -> Result<Place> {
        match who {
            "native" => Ok(Place::below(Path::new(".")).engine(EngineChoice::Native)),
            "ort" => Ok(Place::library_at(&self.library).engine(EngineChoice::Onnxruntime)),
            _ => Err(format!("no engine {who}").into()),
        }
    }

    fn config(&self, who: &str) -> Config {
        let mut config = self.config.clone();
        config.engine = if who == "native" { EngineChoice::Native } else { EngineChoice::Onnxruntime };
        config
    }

    /// Opens a subject; an error where there is none, or where it lacks a file.
    pub(crate) fn subject(&self, name: &str) -> Result<Subject> {
        let (what, who) = name.split_once('.').ok_or("a subject is <what>.<who>")?;
        match (what, who) {
            ("signal", "stock") => self.signals_of_stock(BLOCK),
            ("signals", "stock") => self.signals_of_stock(MANY),
            ("signal", _) => self.one_signal(who),
            ("service", _) => self.service(who),
            ("signals", _) => self.many_signals(who),
            ("forecast", "stock") => self.forecasts_of_stock(1),
            ("forecasts", "stock") => self.forecasts_of_stock(FORECASTS),
            ("forecast", _) => self.forecasts(who, 1),
            ("forecasts", _) => self.forecasts(who, FORECASTS),
            ("stored", _) => self.stored(who),
            ("forest" | "forests", _) => self.forest(who, what == "forests"),
            ("csv", _) => self.csv(who),
            _ => Err(format!("no subject {name}").into()),
        }
    }

    fn model(&self, name: &str) -> &Path {
        &self.config.models[name].model_path
    }

    fn one_signal(&self, who: &str) -> Result<Subject> {
        let model = Model::options().place(self.place(who)?).open(self.model("signal_classifier"))?;
        let rows: Vec<f64> = signals(MANY).iter().flat_map(TradeSignal::features).collect();
        let mut next = 0;
        Ok(Subject::of(BLOCK, move || {
            next = (next + 1) % MANY;
            let mut answer = [0.0];
            assert!(black_box(model.run_one_into(&rows[next * 8..next * 8 + 8], &mut answer)).is_ok());
        }))
    }

    /// All in: what an engine calls.
    fn service(&self, who: &str) -> Result<Subject> {
        let service = MlService::open_signals(&self.config(who))?;
        let signals = signals(MANY);
        let mut next = 0;
        Ok(Subject::of(BLOCK, move || {
            next = (next + 1) % MANY;
            assert!(black_box(service.classify(&signals[next])).is_ok());
        }))
    }

    fn many_signals(&self, who: &str) -> Result<Subject> {
        let evaluator = Evaluator::open(self.model("signal_classifier"), &self.place(who)?)?;
        let rows: Vec<f64> = signals(MANY).iter().flat_map(TradeSignal::features).collect();
        let mut answers = vec![0.0; MANY];
        Ok(Subject::whole(MANY, move || assert!(black_box(evaluator.evaluate(&rows, &mut answers)).is_ok())))
    }

    fn signals_of_stock(&self, count: usize) -> Result<Subject> {
        let rows: Vec<f64> = signals(MANY).iter().flat_map(TradeSignal::features).collect();
        let wanted = [("probabilities".to_owned(), vec![1, 2])];
        let path = self.stock.join("signal_classifier.onnx");
        let mut graph = Graph::<f32>::open(self.environment()?, &path, &wanted, &rows, &[8])?;
        Ok(Subject::whole(count, move || if count == MANY { graph.batch(MANY) } else { graph.block() }))
    }

    /// Windows around the golden ones, all different; what a golden window leaves open is filled: tf2onnx's graph is NaN
    /// where a day is missing.
    fn windows(&self) -> Result<Windows> {
        let folder = version(self.model("volatility_predictor"))?;
        let manifest: Value = serde_json::from_slice(&std::fs::read(folder.join("manifest.json"))?)?;
        let lengths = |value: &Value| -> Vec<i64> {
            value["shape"].as_array().into_iter().flatten().map(|axis| axis.as_i64().unwrap_or(1)).collect()
        };
        let outputs = manifest["outputs"].as_array().into_iter().flatten();
        let outputs = outputs.map(|out| (out["name"].as_str().unwrap_or_default().to_owned(), lengths(out))).collect();
        let shape = lengths(&manifest["inputs"][0])[1..].to_vec();
        let golden: Value = serde_json::from_slice(&std::fs::read(folder.join("golden/cases.json"))?)?;
        let windows = golden["inputs"]["history"].as_array().into_iter().flatten();
        let days = windows.flat_map(|window| window.as_array().into_iter().flatten());
        let numbers = days.flat_map(|day| day.as_array().into_iter().flatten());
        let rows: Vec<f64> = numbers.map(|value| value.as_f64().unwrap_or(0.2)).collect();
        let wide = usize::try_from(shape.iter().product::<i64>())?;
        let turns = (0_u32..).flat_map(|turn| std::iter::repeat_n(turn, rows.len()));
        let many = turns.zip(rows.iter().cycle()).take(FORECASTS * wide);
        let scaled = many.map(|(turn, value)| value * (1.0 + 1e-4 * f64::from(turn)));
        Ok((scaled.collect(), outputs, shape))
    }

    fn forecasts(&self, who: &str, count: usize) -> Result<Subject> {
        let (rows, outputs, shape) = self.windows()?;
        let wide = usize::try_from(shape.iter().product::<i64>())?;
        let long = usize::try_from(outputs.iter().map(|(_, shape)| shape.iter().product::<i64>()).sum::<i64>())?;
        let evaluator = Evaluator::open(self.model("volatility_predictor"), &self.place(who)?)?;
        let (mut next, mut answers) = (0, vec![0.0; long * count]);
        Ok(Subject::whole(count.max(4), move || {
            if count > 1 {
                assert!(black_box(evaluator.evaluate(&rows, &mut answers)).is_ok());
                return;
            }
            for _ in 0..4 {
                next = (next + 1) % FORECASTS;
                let row = &rows[next * wide..(next + 1) * wide];
                assert!(black_box(evaluator.evaluate(row, &mut answers)).is_ok());
            }
        }))
    }

    fn forecasts_of_stock(&self, count: usize) -> Result<Subject> {
        let (rows, outputs, shape) = self.windows()?;
        let path = self.stock.join("volatility_predictor.onnx");
        let mut graph = Graph::<f64>::open(self.environment()?, &path, &outputs, &rows, &shape)?;
        Ok(Subject::whole(
            count.max(4),
            move || {
                if count > 1 { graph.batch(count) } else { (0..4).for_each(|_| graph.one()) }
            },
        ))
    }

    /// From the days of a store, all in.
    fn stored(&self, who: &str) -> Result<Subject> {
        let folder = tempfile::tempdir()?;
        let mut config = self.config(who);
        config.history_path = folder.path().join("history.sqlite");
        config.data_dir = folder.path().to_path_buf();
        let file = folder.path().join("big.csv");
        surface(&file, 5_000)?;
        observe(&config, &file, None)?;
        let service = MlService::open_volatility(&config)?;
        // A store that changed within two seconds is read anew by every call; an engine's changes once a day.
        std::thread::sleep(std::time::Duration::from_millis(2500));
        service.forecast("BIG")?;
        Ok(Subject::whole(4, move || {
            let _kept = &folder;
            (0..4).for_each(|_| assert!(black_box(service.forecast(black_box("BIG"))).is_ok()));
        }))
    }

    /// A forest of 500 trees of depth 12 over 100 columns, as our compiler and as skl2onnx write it.
    fn forest(&self, who: &str, many: bool) -> Result<Subject> {
        const ROWS: usize = 10_000;
        let mut state = 3_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f64::from(u32::try_from(state >> 33).unwrap_or(0)) / f64::from(1_u32 << 31) * 4.0 - 2.0
        };
        let rows: Vec<f64> = (0..ROWS * 100).map(|_| random()).collect();
        let folder = self.stock.join("general");
        if who == "stock" {
            let wanted = [("probabilities".to_owned(), vec![1, 2])];
            let path = folder.join("stock.onnx");
            let mut graph = Graph::<f32>::open(self.environment()?, &path, &wanted, &rows, &[100])?;
            let things = if many { ROWS } else { BLOCK };
            return Ok(Subject::whole(things, move || if many { graph.batch(ROWS) } else { graph.block() }));
        }
        let versions = std::fs::read_dir(folder.join("ours"))?.flatten().map(|entry| entry.path());
        let ours = versions.into_iter().find(|path| path.is_dir()).ok_or("general/ours holds no version")?;
        let model = Model::options().place(self.place(who)?).open(&ours)?;
        let long = model.signature().answer_width().unwrap_or(1);
        if many {
            let evaluator = Evaluator::open(&ours, &self.place(who)?)?;
            let mut answers = vec![0.0; ROWS * long];
            return Ok(Subject::whole(ROWS, move || {
                assert!(black_box(evaluator.evaluate(&rows, &mut answers)).is_ok());
            }));
        }
        let (mut at, mut answer) = (0, vec![0.0; long]);
        Ok(Subject::of(BLOCK, move || {
            at = (at + 1) % ROWS;
            assert!(black_box(model.run_one_into(&rows[at * 100..(at + 1) * 100], &mut answer)).is_ok());
        }))
    }

    /// A million rows of CSV: classified, or (`copy`) only read and written by the csv crate.
    fn csv(&self, who: &str) -> Result<Subject> {
        const ROWS: usize = 1_000_000;
        let mut file = Vec::with_capacity(ROWS * 80);
        writeln!(file, "edge_percent,delta,gamma,vega,theta,volume,open_interest,days_to_expiry")?;
        for signal in signals(ROWS) {
            let [edge, delta, gamma, vega, theta, ..] = signal.features();
            let (volume, interest, days) = (signal.volume, signal.open_interest, signal.days_to_expiry);
            writeln!(file, "{edge:.3},{delta:.4},{gamma:.5},{vega:.3},{theta:.3},{volume},{interest},{days}")?;
        }
        if who == "copy" {
            return Ok(Subject::whole(ROWS, move || {
                let mut reader = csv::Reader::from_reader(file.as_slice());
                let mut writer = csv::Writer::from_writer(std::io::sink());
                let mut record = csv::ByteRecord::new();
                while reader.read_byte_record(&mut record).unwrap_or(false) {
                    assert!(writer.write_byte_record(&record).is_ok());
                }
            }));
        }
        let service = MlService::open_signals(&self.config(who))?;
        Ok(Subject::whole(ROWS, move || {
            let done = batch::classify_stream(&service, file.as_slice(), std::io::sink(), "signals.csv", |_| {});
            assert!(done.is_ok());
        }))
    }
}

/// A dated surface of so many quotes: 20 a day, on weekdays.
pub(crate) fn surface(path: &Path, rows: u32) -> Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    writeln!(file, "Date,Symbol,Strike,TimeToExpiry,ImpliedVol,Moneyness,OptionType,Volume")?;
    let mut day = jiff::civil::date(2024, 1, 1);
    for number in 0..rows {
        let (of_day, moneyness) = (number % 20, 0.8 + f64::from(number % 10) * 0.04);
        if of_day == 0 && number > 0 {
            let step = if day.weekday() == jiff::civil::Weekday::Friday { 3 } else { 1 };
            day = day.checked_add(step.days())?;
        }
        let (years, kind) = (if of_day < 10 { 0.08 } else { 0.25 }, if moneyness < 1.0 { "Put" } else { "Call" });
        let iv = 0.2 + 0.3 * (1.0 - moneyness) + 0.02 * f64::from(number / 20 % 17) / 17.0;
        let volume = 10 + number % 90;
        writeln!(file, "{day},BIG,{:.1},{years},{iv:.4},{moneyness:.2},{kind},{volume}", 100.0 * moneyness)?;
    }
    Ok(file.flush()?)
}
