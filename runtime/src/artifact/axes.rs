//! Axes that have a name: their length is the same wherever the name stands in one call.

use crate::artifact::tensor::{Axis, TensorSpec};

/// The lengths of named axes, as far as they are known.
#[derive(Debug, Default)]
pub(crate) struct Axes<'a>(Vec<(&'a str, usize)>);

impl<'a> Axes<'a> {
    /// The batch has this length, nothing else is known.
    pub(crate) fn of_batch(length: usize) -> Self {
        Self(vec![("batch", length)])
    }

    /// The length of an axis; `None` where it is not known yet.
    fn length(&self, axis: &Axis) -> Option<usize> {
        match axis {
            Axis::Fixed(length) => Some(*length),
            Axis::Free(name) => self.0.iter().find(|(known, _)| known == name).map(|(_, length)| *length),
        }
    }

    /// Notes the lengths of a tensor's free axes; an error where the shape does not fit.
    pub(crate) fn bind(&mut self, tensor: &'a TensorSpec, shape: &[usize]) -> Result<(), String> {
        let fits = shape.len() == tensor.shape.len()
            && tensor
                .shape
                .iter()
                .zip(shape)
                .all(|(axis, found)| self.length(axis).is_none_or(|known| known == *found));
        if !fits {
            let known = |axis: &Axis| self.length(axis).map_or_else(|| axis.to_string(), |length| length.to_string());
            let expected = tensor.shape.iter().map(known).collect::<Vec<_>>().join(", ");
            return Err(format!("must have shape [{expected}], has {shape:?}"));
        }
        for (axis, found) in tensor.shape.iter().zip(shape) {
            if let (Axis::Free(name), None) = (axis, self.length(axis)) {
                self.0.push((name, *found));
            }
        }
        // A name that stands twice in this tensor was not known when the first was looked at.
        if tensor.shape.iter().zip(shape).all(|(axis, found)| self.length(axis) == Some(*found)) {
            return Ok(());
        }
        Err(format!("has shape {shape:?}, in which one free axis has two lengths"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(shape: &str) -> TensorSpec {
        let text = format!(r#"{{"name": "x", "dtype": "float64", "shape": {shape}, "columns": []}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_name_means_one_length_in_a_call() {
        let (one, two) = (tensor(r#"["batch", "time"]"#), tensor(r#"["batch", "time", 2, "time"]"#));
        let mut axes = Axes::of_batch(3);
        assert_eq!(axes.bind(&one, &[3, 5]), Ok(()));
        assert_eq!(axes.bind(&two, &[3, 5, 2, 5]), Ok(()));
        assert_eq!(axes.bind(&one, &[3, 6]), Err("must have shape [3, 5], has [3, 6]".to_owned()));
        assert_eq!(axes.bind(&two, &[3, 5]), Err("must have shape [3, 5, 2, 5], has [3, 5]".to_owned()));
        assert!(Axes::of_batch(3).bind(&two, &[3, 5, 2, 6]).unwrap_err().contains("two lengths"));
        assert!(Axes::of_batch(3).bind(&one, &[2, 5]).unwrap_err().contains("must have shape [3, time]"));
    }
}
