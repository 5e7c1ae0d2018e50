//! Looks through the bytes of a graph before onnxruntime sees them: known operators only, no data outside the file.
//!
//! A reader of the few protobuf fields that matter; everything else is skipped by its length.

use std::collections::BTreeMap;

use crate::artifact::operators::ALLOWED;

/// What a field of a protobuf message holds.
pub(crate) enum Field<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// Walks the fields of one message; every length is checked against the bytes that are there.
pub(crate) struct Message<'a>(pub(crate) &'a [u8]);

impl<'a> Message<'a> {
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Field<'a>)>, String> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let field = match key & 7 {
            0 => Field::Varint(self.varint()?),
            1 => self.take(8).map(|_| Field::Fixed)?,
            2 => {
                let length = self.varint()?;
                Field::Bytes(self.take(usize::try_from(length).map_err(|_| damaged())?)?)
            }
            5 => self.take(4).map(|_| Field::Fixed)?,
            _ => return Err(damaged()),
        };
        Ok(Some((key >> 3, field)))
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or_else(damaged)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(damaged())
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (head, rest) = self.0.split_at_checked(length).ok_or_else(damaged)?;
        self.0 = rest;
        Ok(head)
    }
}

fn damaged() -> String {
    "is not an ONNX graph, or is damaged; export the model again".to_owned()
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| damaged())
}

/// Checks the operators, the operator sets and that all data lies in the file.
pub(crate) fn audit(model: &[u8], opset: &BTreeMap<String, u32>) -> Result<(), String> {
    let mut found = BTreeMap::new();
    let mut graphs = 0;
    let mut message = Message(model);
    while let Some(entry) = message.next()? {
        match entry {
            (7, Field::Bytes(graph)) => {
                graphs += 1;
                audit_graph(graph)?;
            }
            (8, Field::Bytes(import)) => {
                let (domain, version) = operator_set(import)?;
                found.insert(domain, version);
            }
            (20, Field::Bytes(_)) => return Err("holds training information, which is not allowed".to_owned()),
            (25, Field::Bytes(_)) => return Err("holds functions, which are not allowed".to_owned()),
            _ => {}
        }
    }
    if graphs != 1 {
        return Err(damaged());
    }
    let expected: BTreeMap<_, _> =
        opset.iter().map(|(domain, version)| (domain.clone(), u64::from(*version))).collect();
    if found != expected {
        return Err(format!("field 'graph.opset': the graph declares {found:?}, the manifest says {expected:?}"));
    }
    Ok(())
}

fn operator_set(bytes: &[u8]) -> Result<(String, u64), String> {
    let (mut domain, mut version) = (String::new(), 0);
    let mut message = Message(bytes);
    while let Some(entry) = message.next()? {
        match entry {
            (1, Field::Bytes(name)) => text(name)?.clone_into(&mut domain),
            (2, Field::Varint(number)) => version = number,
            _ => {}
        }
    }
    Ok((domain, version))
}

fn audit_graph(bytes: &[u8]) -> Result<(), String> {
    let mut message = Message(bytes);
    while let Some(entry) = message.next()? {
        match entry {
            (1, Field::Bytes(node)) => audit_node(node)?,
            (5, Field::Bytes(tensor)) => audit_tensor(tensor)?,
            (15, Field::Bytes(_)) => return Err("holds sparse tensors, which are not allowed".to_owned()),
            _ => {}
        }
    }
    Ok(())
}

fn audit_node(bytes: &[u8]) -> Result<(), String> {
    let (mut operator, mut domain) = ("", "");
    let mut message = Message(bytes);
    while let Some(entry) = message.next()? {
        match entry {
            (4, Field::Bytes(name)) => operator = text(name)?,
            (7, Field::Bytes(name)) => domain = text(name)?,
            (5, Field::Bytes(attribute)) => audit_attribute(attribute)?,
            _ => {}
        }
    }
    let domain = if domain == "ai.onnx" { "" } else { domain };
    if ALLOWED.iter().any(|(name, operators)| *name == domain && operators.contains(&operator)) {
        Ok(())
    } else {
        let place = if domain.is_empty() { "ai.onnx" } else { domain };
        Err(format!("holds the operator {place}.{operator}, which is not allowed"))
    }
}

fn audit_attribute(bytes: &[u8]) -> Result<(), String> {
    let mut message = Message(bytes);
    while let Some(entry) = message.next()? {
        match entry {
            (5 | 10, Field::Bytes(tensor)) => audit_tensor(tensor)?,
            (6 | 11, Field::Bytes(_)) => return Err("holds a graph inside a node, which is not allowed".to_owned()),
            (22 | 23, Field::Bytes(_)) => return Err("holds sparse tensors, which are not allowed".to_owned()),
            _ => {}
        }
    }
    Ok(())
}

fn audit_tensor(bytes: &[u8]) -> Result<(), String> {
    let mut message = Message(bytes);
    while let Some(entry) = message.next()? {
        match entry {
            (13, Field::Bytes(_)) | (14, Field::Varint(1..)) => {
                return Err("refers to data outside of the file, which is not allowed".to_owned());
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2, u8::try_from(content.len()).unwrap()];
        bytes.extend_from_slice(content);
        bytes
    }

    fn model_with(node: &[u8]) -> Vec<u8> {
        let mut model = field(7, &field(1, node));
        model.extend(field(8, &[0x10, 21]));
        model
    }

    fn opset() -> BTreeMap<String, u32> {
        BTreeMap::from([(String::new(), 21)])
    }

    #[test]
    fn a_known_operator_passes() {
        assert_eq!(audit(&model_with(&field(4, b"Add")), &opset()), Ok(()));
    }

    #[test]
    fn what_a_model_with_text_columns_needs_passes() {
        for operator in ["LabelEncoder", "OneHotEncoder", "CategoryMapper", "TreeEnsemble"] {
            let mut node = field(4, operator.as_bytes());
            node.extend(field(7, b"ai.onnx.ml"));
            assert_eq!(audit(&model_with(&node), &opset()), Ok(()), "{operator}");
        }
    }

    #[test]
    fn of_the_operators_of_onnxruntime_itself_the_tokenizer_alone_passes() {
        let of = |operator: &[u8]| {
            let mut node = field(4, operator);
            node.extend(field(7, b"com.microsoft"));
            audit(&model_with(&node), &opset())
        };
        assert_eq!(of(b"Tokenizer"), Ok(()));
        assert!(of(b"Inverse").unwrap_err().contains("com.microsoft.Inverse"));
    }

    #[test]
    fn what_is_not_allowed_is_named() {
        let mut external = field(4, b"Constant");
        external.extend(field(5, &field(5, &[14 << 3, 1])));
        let mut inner = field(4, b"Add");
        inner.extend(field(5, &field(6, b"")));
        let mut foreign = field(4, b"Add");
        foreign.extend(field(7, b"com.example"));
        for (node, reason) in [
            (field(4, b"Loop"), "ai.onnx.Loop"),
            (field(4, b"StringSplit"), "ai.onnx.StringSplit"),
            (foreign, "com.example.Add"),
            (external, "outside of the file"),
            (inner, "graph inside a node"),
        ] {
            let error = audit(&model_with(&node), &opset()).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn another_operator_set_than_the_manifest_says_is_refused() {
        let error = audit(&model_with(&field(4, b"Add")), &BTreeMap::from([(String::new(), 20)])).unwrap_err();
        assert!(error.contains("graph.opset"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_refused_or_pass_without_a_panic(bytes in proptest::collection::vec(0_u8..=255, 0..200)) {
            let _ = audit(&bytes, &opset());
        }
    }
}
