//! The native engine: the bits of onnxruntime for trees, no library, no allocation, and damaged graphs refused.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use dollarbill_ml::artifact::{Evaluator, Place};
use dollarbill_ml::{EngineChoice, Model};
use support::{House, SIGNAL, library, outcome, repository};

fn place(engine: EngineChoice) -> Place {
    Place::library_at(&fs::canonicalize(library()).unwrap()).engine(engine)
}

/// Rows around signals, from a linear congruential generator; whole powers and ties among them.
fn rows(count: usize) -> Vec<f64> {
    let mut state = 7_u64;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(state >> 33).unwrap()) / f64::from(1_u32 << 31)
    };
    let scale = [50.0, 1.0, 0.05, 80.0, -50.0, 5000.0, 20_000.0, 90.0];
    let row = |_| scale.map(|scale| if next() < 0.1 { (scale * next()).round() } else { scale * (next() * 1.2 - 0.2) });
    (0..count).map(row).collect::<Vec<_>>().into_flattened()
}

#[test]
fn every_bit_of_a_hundred_thousand_signals_is_onnxruntime_s() {
    let count = 100_003;
    let rows = rows(count);
    let model = repository().join("artifacts/signal_classifier");
    let answers = [EngineChoice::Native, EngineChoice::Onnxruntime].map(|engine| {
        let evaluator = Evaluator::open(&model, &place(engine)).unwrap();
        let mut answers = vec![0.0; count];
        evaluator.evaluate(&rows, &mut answers).unwrap();
        answers.into_iter().map(f64::to_bits).collect::<Vec<_>>()
    });
    assert_eq!(answers[0], answers[1]);
    let model = Model::options().place(place(EngineChoice::Native)).open(&model).unwrap();
    for (row, bits) in rows.chunks(8).zip(&answers[1]).take(2000) {
        let mut answer = [0.0];
        if model.run_one_into(row, &mut answer).is_ok() {
            assert_eq!(answer[0].to_bits(), *bits);
        }
    }
}

#[test]
fn a_call_allocates_nothing_once_its_thread_has_called_before() {
    for name in ["signal_classifier", "volatility_predictor"] {
        let model = Model::options().place(place(EngineChoice::Native));
        let model = model.open(repository().join("artifacts").join(name)).unwrap();
        let row = vec![1.0; model.signature().row_width().unwrap()];
        let mut answer = vec![0.0; model.signature().answer_width().unwrap()];
        let _ = model.run_one_into(&row, &mut answer);
        let counted = allocation_counter::measure(|| {
            for _ in 0..100 {
                model.run_one_into(&row, &mut answer).unwrap();
            }
        });
        assert_eq!(counted.count_total, 0, "{name}");
    }
}

#[test]
fn signals_are_classified_and_days_forecast_in_an_empty_environment_without_a_library() {
    let house = House::new();
    // A copy of the program: the one that is tested finds the library of its own checkout.
    let program = house.path("dollarbill-ml");
    support::install(Path::new(house.command().get_program()), &program);
    let run = |arguments: &[&str]| {
        outcome(Command::new(&program).args(arguments).env_clear().current_dir(house.path(".")), b"")
    };
    let answered = run(&["classify", SIGNAL]).good().to_owned();
    assert_eq!(answered, house.run(&["--engine", "onnxruntime", "classify", SIGNAL]).good());
    let surface = house.path("surface.csv");
    fs::copy(repository().join("examples/surface.csv"), &surface).unwrap();
    let forecast = run(&["predict", "surface.csv"]).good().to_owned();
    assert!(forecast.contains("\"predicted_avg_iv\":"), "{forecast}");
    assert!(run(&["check"]).good().contains("engine native: it knows every operator"));
    run(&["--engine", "onnxruntime", "classify", SIGNAL]).refused("no onnxruntime library");
}

#[test]
fn a_damaged_graph_is_refused_or_changes_no_bit() {
    let house = House::new();
    let graph = fs::read(house.version("signal_classifier").join("model.onnx")).unwrap();
    let sound = answers(&house.model("signal_classifier"), EngineChoice::Onnxruntime);
    let (mut state, mut taken) = (3_usize, 0);
    for _ in 0..300 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut damaged = graph.clone();
        let byte = (state >> 20) % graph.len();
        damaged[byte] ^= 1 << ((state >> 60) & 7);
        house.replace("signal_classifier", "graph", "model.onnx", &damaged);
        let model = house.model("signal_classifier");
        let answers = [EngineChoice::Native, EngineChoice::Onnxruntime].map(|engine| answers(&model, engine));
        let [Some(native), other] = answers else { continue };
        taken += 1;
        // A byte that onnxruntime alone minds (a name, a version) must not have changed what the graph computes.
        assert_eq!(Some(&native), other.as_ref().or(sound.as_ref()), "byte {byte} of {}", graph.len());
    }
    assert!((1..300).contains(&taken), "{taken}");
}

fn answers(model: &Path, engine: EngineChoice) -> Option<Vec<u64>> {
    let evaluator = Evaluator::open(model, &place(engine)).ok()?;
    let mut answers = vec![0.0; 64];
    evaluator.evaluate(&rows(64), &mut answers).ok()?;
    Some(answers.into_iter().map(f64::to_bits).collect())
}
