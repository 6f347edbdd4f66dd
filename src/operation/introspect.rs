//! `__schema` and `__type`, answered from the graph.

use apollo_compiler::{
    ExecutableDocument, introspection,
    request::RequestError,
    response::{JsonMap, JsonValue},
    schema::Schema,
    validation::Valid,
};

use super::{Document, FieldRef, Kind, Operation, VariableValues, introspect_cost, introspect_one_of};
use crate::{
    error::{ErrorCode, Refusal},
    mapping::{Name, Number, Object, Value},
    schema::{Graph, Visible},
};

/// Lists inside of lists (`fields`, `interfaces`, `possibleTypes`, `inputFields`) that apollo-compiler allows.
const LISTS_MAX: usize = 2;

/// The values of the introspection fields of the root selection, by response key (empty when there are none).
/// Errors: `LIMIT_EXCEEDED` when lists of types are nested so that answers would grow exponentially, or when the answer would be
/// many times as long as the whole schema.
pub fn introspect(
    graph: &Graph,
    document: &Document,
    operation: &Operation,
    variables: &VariableValues,
) -> Result<Object, Refusal> {
    introspect_schema(&graph.schema, document, operation, variables)
}

/// The same, of what somebody may see.
pub fn introspect_visible(
    visible: &Visible,
    document: &Document,
    operation: &Operation,
    variables: &VariableValues,
) -> Result<Object, Refusal> {
    introspect_schema(visible.schema(), document, operation, variables)
}

fn introspect_schema(
    schema: &Valid<Schema>,
    document: &Document,
    operation: &Operation,
    variables: &VariableValues,
) -> Result<Object, Refusal> {
    let fields = operation.selection.variants.iter().flat_map(|variant| &variant.fields);
    let keys: Vec<&str> =
        fields.filter(|field| field.field == FieldRef::Introspection).map(|field| &*field.key).collect();
    if keys.is_empty() || operation.kind != Kind::Query {
        return Ok(Object::new());
    }
    let executable = document.executable();
    let refused = |error: RequestError| {
        let mut refusal = Refusal::new(ErrorCode::Internal, error.message().to_string());
        refusal.errors[0].locations.push(document.lines().at(error.location()));
        refusal
    };
    let written = executable.operations.get(operation.name.as_deref()).map_err(refused)?;
    introspection::check_max_depth(executable, written).map_err(|error| {
        let location = document.lines().at(error.location());
        Refusal::limit_exceeded("nested introspection lists", LISTS_MAX, LISTS_MAX + 1, Some(location))
    })?;

    if let Some((maximum, value)) = introspect_cost::excess(schema, executable, &written.selection_set) {
        let size = |size| usize::try_from(size).unwrap_or(usize::MAX);
        return Err(Refusal::limit_exceeded("introspected values", size(maximum), size(value), None));
    }

    let mut given = JsonMap::new();
    for (definition, value) in operation.variables.iter().zip(&variables.0) {
        if let Some(value) = value {
            given.insert(&*definition.name, serde_json::Value::from(value).into());
        }
    }
    let data = executed(schema, executable, operation.name.as_deref(), &Valid::assume_valid(given)).map_err(refused)?;
    let mut values = Object::new();
    for (key, value) in data {
        // `__typename` is executed too; it is not ours to answer.
        if keys.contains(&key.as_str()) {
            values.insert(key.as_str(), converted(value));
        }
    }
    Ok(values)
}

/// Everything that introspection tells of the graph, in the form that other tools read: `{"__schema":{…}}`.
/// Panics: never, the query is ours.
#[expect(clippy::missing_panics_doc, reason = "what is asked is known")]
pub fn introspection(graph: &Graph) -> serde_json::Value {
    let text = include_str!("introspection.graphql");
    let document = ExecutableDocument::parse_and_validate(&graph.schema, text, "introspection.graphql")
        .expect("the query asks only for what every schema has");
    let data = executed(&graph.schema, &document, None, &Valid::assume_valid(JsonMap::new()))
        .expect("one operation without variables and without fields of the graph");
    serde_json::to_value(data).expect("names and texts are JSON")
}

/// The introspection fields of an operation of the document, and `__typename`.
fn executed(
    schema: &Valid<Schema>,
    document: &Valid<ExecutableDocument>,
    operation: Option<&str>,
    variables: &Valid<JsonMap>,
) -> Result<JsonMap, RequestError> {
    let rewritten = introspect_one_of::rewritten(schema, document);
    let asked = rewritten.as_ref().unwrap_or(document);
    let implementers = schema.implementers_map();
    let response =
        introspection::partial_execute(schema, &implementers, asked, asked.operations.get(operation)?, variables)?;
    let mut data = response.data.unwrap_or_default();
    if rewritten.is_some() {
        let written = document.operations.get(operation)?;
        introspect_one_of::answer(schema, document, &written.selection_set, &mut data);
    }
    Ok(data)
}

fn converted(value: JsonValue) -> Value {
    match value {
        JsonValue::Null => Value::Null,
        JsonValue::Bool(value) => Value::Bool(value),
        JsonValue::Number(number) => Number::from_text(&number.to_string()).map_or(Value::Null, Value::Number),
        JsonValue::String(text) => Value::String(text.as_str().into()),
        JsonValue::Array(items) => Value::Array(items.into_iter().map(converted).collect()),
        JsonValue::Object(map) => {
            Value::Object(map.into_iter().map(|(key, value)| (Name::from(key.as_str()), converted(value))).collect())
        }
    }
}
