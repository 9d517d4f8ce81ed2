//! The shape of the comments: what the preamble of `blobferry.h` promises a reader of every function.

use crate::parse::{Headers, Parameter, Prototype, is_ours, words};

const OWNERSHIP: [&str; 5] = ["borrowed", "lent", "given", "receives", "returned"];
const UNITS: [&str; 5] = ["bytes", "elements", "milliseconds", "status", "ticket"];
const LABELS: [&str; 4] = ["Threads:", "Blocks:", "Since:", "See:"];

/// A comment taken apart. Continuation lines are joined to the line they continue.
#[derive(Default)]
struct Doc {
    sentence: String,
    parameters: Vec<(String, String)>,
    statuses: Vec<(String, String)>,
    returns: Vec<String>,
    labels: Vec<(String, String)>,
    /// Whether text, parameters, statuses and labels come in this order.
    is_in_order: bool,
}

fn doc(comment: &[String]) -> Doc {
    let mut items: Vec<String> = Vec::new();
    for line in comment.iter().skip_while(|line| line.is_empty()) {
        let begins = line.starts_with('@') || LABELS.iter().any(|label| line.starts_with(label));
        match items.last_mut() {
            Some(last) if !begins && !line.is_empty() && !last.is_empty() => {
                last.push(' ');
                last.push_str(line);
            }
            _ => items.push(line.clone()),
        }
    }
    let mut doc = Doc { is_in_order: true, ..Doc::default() };
    doc.sentence = items.first().cloned().unwrap_or_default();
    let mut before = 0;
    for item in items.iter().filter(|item| !item.is_empty()) {
        let (tag, rest) = split_word(item);
        let here = place_of(&tag);
        doc.is_in_order &= here >= before;
        before = here;
        match tag.as_str() {
            "@param" => doc.parameters.push(split_word(&rest)),
            "@retval" => doc.statuses.push(split_word(&rest)),
            "@return" => doc.returns.push(rest),
            _ if here == LAST_PLACE => doc.labels.push((tag, rest)),
            _ => {}
        }
    }
    doc
}

const LAST_PLACE: usize = 3;

/// Where in a comment a line that begins with this word belongs.
fn place_of(tag: &str) -> usize {
    match tag {
        "@param" => 1,
        "@retval" | "@return" => 2,
        _ if LABELS.contains(&tag) => LAST_PLACE,
        _ => 0,
    }
}

fn split_word(text: &str) -> (String, String) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word.to_string(), rest.trim().to_string())
}

/// What is wrong with the comments of the prototypes: one line for each finding.
pub fn shape_problems(headers: &Headers) -> Vec<String> {
    let prototypes = headers.prototypes();
    let functions: Vec<&str> = prototypes.iter().map(|prototype| prototype.name.as_str()).collect();
    prototypes
        .iter()
        .flat_map(|prototype| {
            let problems = problems_of(prototype, &doc(&prototype.comment), &functions);
            problems.into_iter().map(|problem| format!("{}: {problem}", prototype.name))
        })
        .collect()
}

fn problems_of(prototype: &Prototype, doc: &Doc, functions: &[&str]) -> Vec<String> {
    let mut problems = Vec::new();
    if prototype.comment.is_empty() {
        return vec!["has no /** comment right before it".to_string()];
    }
    problems.extend(problems_of_sentence(&doc.sentence));
    if !doc.is_in_order {
        problems.push("its comment is not in the order text, @param, @retval or @return, labels".to_string());
    }
    let documented: Vec<&str> = doc.parameters.iter().map(|(name, _)| name.as_str()).collect();
    let declared: Vec<&str> = prototype.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    if documented != declared {
        problems.push(format!("its @params are {documented:?} and its parameters {declared:?}"));
    }
    for (parameter, (_, text)) in prototype.parameters.iter().zip(&doc.parameters) {
        problems.extend(problem_of_parameter(prototype, parameter, text));
    }
    problems.extend(problems_of_result(prototype, doc));
    problems.extend(problems_of_labels(doc, functions));
    problems
}

fn problems_of_sentence(sentence: &str) -> Option<String> {
    let first = sentence.split_whitespace().next().unwrap_or_default();
    let imperative = first.starts_with(|letter: char| letter.is_ascii_uppercase()) && !first.ends_with('s');
    let single = sentence.ends_with('.') && !sentence.trim_end_matches('.').contains(". ");
    (!imperative || !single).then(|| format!("does not begin with one imperative sentence: {sentence:?}"))
}

/// The first word says who owns what; where a name or a type decides it, it must be that word.
fn problem_of_parameter(prototype: &Prototype, parameter: &Parameter, text: &str) -> Option<String> {
    let is_pointer = parameter.kind.ends_with('*');
    let name = parameter.name.as_str();
    let allowed: &[&str] = match name {
        _ if name.ends_with("_out") => &["receives"],
        _ if name.ends_with("_ms") => &["milliseconds"],
        "user_data" => &["returned"],
        _ if prototype.name.ends_with("_free") => &["given"],
        _ if is_pointer => &OWNERSHIP,
        _ => &UNITS,
    };
    let mut spoken = words(text);
    let mut first = spoken.next().unwrap_or_default();
    // A status and a ticket are their own unit: "a status", "the ticket".
    if !is_pointer && ["a", "the"].contains(&first) {
        first = spoken.next().unwrap_or_default();
    }
    let is_right = allowed.contains(&first);
    (!is_right).then(|| format!("@param {name} begins with {first:?}, not with one of {allowed:?}"))
}

fn problems_of_result(prototype: &Prototype, doc: &Doc) -> Vec<String> {
    let mut problems = Vec::new();
    let has_outputs = prototype.parameters.iter().any(|parameter| parameter.name.ends_with("_out"));
    let is_status = prototype.returns == "blobferry_status_t";
    // blobferry_error_status gives a status as a value: it has no outputs and cannot fail.
    let wants_statuses = is_status && (has_outputs || !doc.statuses.is_empty());
    let statuses: Vec<&str> = doc.statuses.iter().map(|(name, _)| name.as_str()).collect();
    if wants_statuses != statuses.contains(&"BLOBFERRY_OK") {
        problems.push(format!("@retval BLOBFERRY_OK belongs to functions that can fail; here: {statuses:?}"));
    }
    let wanted_returns = usize::from(prototype.returns != "void" && !wants_statuses);
    if doc.returns.len() != wanted_returns || doc.returns.iter().any(String::is_empty) {
        problems.push(format!("has {} @return, wanted {wanted_returns}", doc.returns.len()));
    }
    for (place, (name, text)) in doc.statuses.iter().enumerate() {
        if statuses[..place].contains(&name.as_str()) || text.is_empty() {
            problems.push(format!("@retval {name} is said twice or says nothing"));
        }
    }
    problems
}

fn problems_of_labels(doc: &Doc, functions: &[&str]) -> Vec<String> {
    let mut problems = Vec::new();
    let labels: Vec<&str> = doc.labels.iter().map(|(label, _)| label.as_str()).collect();
    if labels != LABELS {
        problems.push(format!("its labels are {labels:?}, wanted {LABELS:?}"));
    }
    for (label, text) in &doc.labels {
        let is_right = match label.as_str() {
            "Since:" => text.split('.').filter(|number| number.parse::<u32>().is_ok()).count() == 2,
            "See:" => text.split(", ").all(|name| functions.contains(&name)),
            _ => text.ends_with('.'),
        };
        if !is_right {
            problems.push(format!("{label} {text:?} is not as the others are"));
        }
    }
    problems
}

/// The version that a function's comment says it came with.
pub fn since(prototype: &Prototype) -> String {
    let labels = doc(&prototype.comment).labels;
    labels.into_iter().find(|(label, _)| label == "Since:").map(|(_, text)| text).unwrap_or_default()
}

/// Words of ours in `text` that no header declares. `BLOBFERRY_CAN_` stands for all that begin so, `_put` for a name
/// that ends so.
pub fn mention_problems(headers: &Headers, text: &str) -> Vec<String> {
    let names = headers.names();
    // `object._member` is a name of another language.
    let is_member = |word: &str| text[..word.as_ptr() as usize - text.as_ptr() as usize].ends_with('.');
    words(text)
        .filter(|word| {
            if is_ours(word) {
                let is_family = word.ends_with('_') && names.iter().any(|name| name.starts_with(word));
                !names.contains(*word) && !is_family
            } else {
                let is_suffix = word.len() > 1 && word.starts_with('_') && !word.starts_with("__") && !is_member(word);
                is_suffix && !names.iter().any(|name| name.ends_with(word))
            }
        })
        .map(|word| format!("{word} is mentioned and does not exist"))
        .collect()
}
