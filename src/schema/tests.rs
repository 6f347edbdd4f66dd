//! The connector fixtures compile, and broken edits of one give the codes they should.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use super::*;
use crate::error::{Format, Severity, SourceText, render};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases/connectors")
}

fn file(name: &str, text: &str) -> File {
    let source = Arc::new(SourceText { name: format!("{name}.graphql"), text: text.to_owned() });
    File { subgraph: name.to_owned(), source }
}

fn strict() -> Options {
    Options { compatibility: Compatibility::Strict, ..Options::default() }
}

fn compiled(text: &str) -> Compiled {
    compile(&[file("api", text)], &Options::default())
        .unwrap_or_else(|findings| panic!("{}", render(&findings, Format::Human { color: false })))
}

/// What is valid but hardly meant; the original says nothing of it.
const ADVICE: [&str; 4] =
    ["FEDERATION_DIRECTIVE_WITHOUT_EFFECT", "ONE_CALL_PER_ITEM", "UNREACHABLE_CONNECTOR", "UNUSED_SOURCE"];

/// Warnings other than advice.
fn warnings(compiled: &Compiled) -> Vec<&crate::error::Diagnostic> {
    compiled.warnings.iter().filter(|finding| !ADVICE.contains(&finding.code)).collect()
}

fn codes(text: &str, options: &Options) -> BTreeSet<String> {
    match compile(&[file("api", text)], options) {
        Ok(compiled) => warnings(&compiled).iter().map(|finding| finding.code.to_owned()).collect(),
        Err(findings) => findings.iter().map(|finding| finding.code.to_owned()).collect(),
    }
}

#[test]
fn all_fixture_schemas_compile() {
    let mut seen = 0;
    for entry in std::fs::read_dir(fixtures()).expect("the fixtures") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "graphql") {
            continue;
        }
        seen += 1;
        let text = std::fs::read_to_string(&path).expect("a text");
        for options in [Options::default(), strict()] {
            if let Err(findings) = compile(&[file("api", &text)], &options) {
                panic!(
                    "{} ({:?})\n{}",
                    path.display(),
                    options.compatibility,
                    render(&findings, Format::Human { color: false })
                );
            }
        }
    }
    assert_eq!(seen, 20);
}

/// The cases of fixture 20.
fn diagnostics() -> Vec<serde_json::Value> {
    let cases = std::fs::read_to_string(fixtures().join("20-diagnostics.http.json")).expect("a text");
    let cases: serde_json::Value = serde_json::from_str(&cases).expect("JSON");
    cases["diagnostics"].as_array().expect("a list").clone()
}

/// Fixture 20 with each of its edits made, by name.
fn edits() -> Vec<(String, String)> {
    let original = std::fs::read_to_string(fixtures().join("20-diagnostics.graphql")).expect("a text");
    let edit = |case: &serde_json::Value| {
        let mut text = original.clone();
        for replace in case["replace"].as_array().expect("a list") {
            let (old, new) = (replace[0].as_str().expect("text"), replace[1].as_str().expect("text"));
            assert!(text.contains(old), "{}", case["name"]);
            text = text.replace(old, new);
        }
        (case["name"].as_str().expect("text").to_owned(), text)
    };
    diagnostics().iter().map(edit).collect()
}

/// The findings of a schema below [`HEAD`], whether it is accepted or not: code, message and help.
fn advice(types: &str) -> Vec<(&'static str, String, String)> {
    let compiled = compiled(&format!("{HEAD}{types}"));
    let parts = |finding: crate::error::Diagnostic| (finding.code, finding.message, finding.help.unwrap_or_default());
    compiled.warnings.into_iter().map(parts).collect()
}

#[test]
fn joins_that_cost_a_call_for_each_item_are_told_with_the_batch_form() {
    let types = r#"type Query { shelves: [Shelf] @connect(source: "s", http: { GET: "/shelves" }, selection: "id top { id }") }
type Shelf @key(fields: "id") { id: ID! count: Int @connect(source: "s", http: { GET: "/count/{$this.id}" }, selection: "$") top: Book }
type Book @key(fields: "id")
  @connect(source: "s", http: { GET: "/books", queryParams: "id: $batch.id" }, selection: "id title") { id: ID! title: String }"#;
    let found = advice(types);
    assert_eq!(found.len(), 1, "{found:?}");
    let (code, message, help) = &found[0];
    assert_eq!(*code, "ONE_CALL_PER_ITEM");
    assert_eq!(message, "`Shelf.count` is one call for each item of the list at `shelves`");
    let form = r#"on `type Shelf`: `@connect(source: "s", http: { GET: "/…", queryParams: "id: $batch.id" }, selection: "id count")`"#;
    assert!(help.ends_with(form), "{help}");
    assert!(advice(&types.replace("[Shelf]", "Shelf")).is_empty(), "one object is one call");
}

#[test]
fn what_nobody_uses_or_reaches_is_told() {
    let types = r#"extend schema @source(name: "other", http: { baseURL: "https://o.example" })
type Query { one: One @connect(source: "s", http: { GET: "/one" }, selection: "name") }
type One { name: String }
type Two @key(fields: "id") @connect(source: "s", http: { GET: "/two/{$this.id}" }, selection: "id name") { id: ID! name: String }"#;
    let found = advice(types);
    let codes: Vec<_> = found.iter().map(|(code, ..)| *code).collect();
    assert_eq!(codes, ["UNUSED_SOURCE", "UNREACHABLE_CONNECTOR"], "{found:?}");
    assert_eq!(found[0].1, "no connector uses the source `other`");
    assert_eq!(found[1].1, "no operation can reach what this connector gives of `Two`: `id`, `name`");
}

#[test]
fn federation_directives_without_effect_are_told_once() {
    let head = HEAD.replace("\"@tag\"", "\"@tag\", \"@external\", \"@requires\"");
    let text = format!(
        r#"{head}type Query {{ one: One @connect(source: "s", http: {{ GET: "/one" }}, selection: "id a b") }}
type One @tag(name: "x") {{ id: ID! @shareable a: Int @external b: Int @external @requires(fields: "a") }}"#
    );
    let found: Vec<(&str, String)> =
        compiled(&text).warnings.into_iter().map(|finding| (finding.code, finding.message)).collect();
    let code = "FEDERATION_DIRECTIVE_WITHOUT_EFFECT";
    let told = |name: &str| (code, format!("`@{name}` has no effect where connectors are the only subgraphs"));
    assert_eq!(found, [told("external"), told("requires")]);
}

#[test]
fn a_gap_is_told_with_the_connector_that_would_mend_it() {
    let types = r#"type Query {
  one: One @connect(source: "s", http: { GET: "/one" }, selection: "id a")
  all: One @connect(source: "s", http: { GET: "/all" }, selection: "id a b")
}
type One { id: ID! a: Int b: Int }"#;
    let findings = compile(&[file("api", &format!("{HEAD}{types}"))], &Options::default()).expect_err("a gap");
    let help = findings[0].help.as_deref().unwrap_or_default();
    let form = r#"`type One`: `@connect(source: "s", http: { GET: "/…/{$this.id}" }, selection: "id b")`"#;
    assert!(help.ends_with(form), "{help}");
}

#[test]
fn broken_edits_give_their_codes() {
    let mut wrong = Vec::new();
    let cases = diagnostics();
    assert_eq!(cases.len(), 60);
    for (case, (name, text)) in cases.iter().zip(edits()) {
        let wanted = case["codes"].as_array().expect("a list").iter();
        let wanted: BTreeSet<String> = wanted.map(|code| code.as_str().expect("text").to_owned()).collect();
        let found = codes(&text, &strict());
        if found != wanted {
            wrong.push(format!("{name}: wanted {wanted:?}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of 60\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_finding_marks_a_place_and_says_something() {
    let text = std::fs::read_to_string(fixtures().join("20-diagnostics.graphql")).expect("a text");
    let broken = text.replace("{$args.size}", "{$args.siz}").replace("colour: $args.colour", "colour: $args.color");
    let findings = compile(&[file("api", &broken)], &strict()).expect_err("two mistakes");
    assert_eq!(findings.len(), 2, "{}", render(&findings, Format::Human { color: false }));
    for (finding, marked) in findings.iter().zip(["siz", "color"]) {
        let label = &finding.labels[0];
        assert_eq!(&label.source.text[label.span.clone()], marked);
        assert_eq!(finding.severity, Severity::Error);
        assert!(finding.help.as_deref().is_some_and(|help| help.starts_with("did you mean")), "{finding:?}");
    }
}

/// The head of a document, under connect v0.3, with the source `s`.
const HEAD: &str = r#"extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@key", "@inaccessible", "@shareable", "@tag"])
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])
  @source(name: "s", http: { baseURL: "https://s.example" })
"#;

fn shelves(selection: &str) -> String {
    format!(
        r#"{HEAD}
type Query {{
  shelf(n: Int!): Shelf @connect(source: "s", http: {{ GET: "/shelves/{{$args.n}}" }}, selection: "{selection}")
  book(isbn: ID!): Book @connect(source: "s", http: {{ GET: "/b/{{$args.isbn}}" }}, selection: "isbn title", entity: true)
}}
type Shelf {{ books: [Book] }}
type Book @key(fields: "isbn") {{ isbn: ID! title: String slug: String price: Float @connect(source: "s", http: {{ GET: "/p/{{$this.slug}}" }}, selection: "$.price") }}
"#
    )
}

#[test]
fn fields_reachable_by_key_are_accepted() {
    let text = shelves("books { isbn slug }")
        .replace("selection: \\\"isbn title\\\"", "")
        .replace("isbn title", "isbn title slug");
    assert!(warnings(&compiled(&text)).is_empty());
}

#[test]
fn fields_nobody_can_provide_are_refused_with_the_path() {
    let findings =
        compile(&[file("api", &shelves("books { isbn slug }"))], &Options::default()).expect_err("no slug from book");
    let text = render(&findings, Format::Human { color: false });
    assert_eq!(
        findings.iter().map(|finding| finding.code).collect::<BTreeSet<_>>(),
        BTreeSet::from(["CONNECTORS_UNSATISFIABLE"]),
        "{text}"
    );
    assert!(text.contains("{ book { slug } }"), "{text}");
    assert!(findings[0].help.as_deref().is_some_and(|help| help.contains("slug")), "{text}");
}

#[test]
fn lowers_places_keys_and_reads() {
    let text = std::fs::read_to_string(fixtures().join("10-batch-composite-keys.graphql")).expect("a text");
    let graph = compiled(&text).graph;
    let sensor = graph.by_name["Sensor"];
    let connector = &graph[graph[sensor].connectors[0]];
    assert_eq!(&*connector.coordinate, "api:Sensor[0]");
    assert_eq!(connector.place, Place::Type { ty: sensor });
    assert_eq!(connector.batch, Some(Batch { keys_max: None }));
    assert_eq!(directive::key::text(&connector.key), "site { id } channel");
    assert_eq!(
        connector.provides.fields.keys().map(|name| &**name).collect::<Vec<_>>(),
        ["site", "channel", "unit", "label"]
    );
    assert!(!connector.provides.fields["site"].is_leaf && connector.provides.fields["unit"].is_leaf);

    let text = std::fs::read_to_string(fixtures().join("19-key-hops.graphql")).expect("a text");
    let graph = compiled(&text).graph;
    let seat = graph.by_name["Seat"];
    let connector = &graph[graph[seat].connectors[0]];
    assert_eq!(directive::key::text(&connector.key), "row hall { code }");
    assert!(matches!(connector.place, Place::Root { entity: Some(ty), .. } if ty == seat));
    assert_eq!(graph[graph[graph.query].fields["author"]].connectors.len(), 2);

    let text = std::fs::read_to_string(fixtures().join("03-headers.graphql")).expect("a text");
    let graph = compiled(&text).graph;
    let reads = &graph.connectors[0].reads;
    let names = |list: &[Arc<str>]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&reads.context), ["tenant"]);
    assert_eq!(names(&reads.env), ["FIXTURE_REGION"]);
    assert_eq!(names(&reads.request_headers), ["accept-language", "x-user"]);
    assert_eq!(names(&reads.response_headers), ["etag"]);
}

#[test]
fn clients_see_no_machinery() {
    let text = format!(
        r#"{HEAD}
directive @mine(why: String) on FIELD_DEFINITION
"All there is."
type Query @shareable {{
  "A thing."
  thing(id: ID!): Thing @mine(why: "so") @deprecated(reason: "old") @connect(source: "s", http: {{ GET: "/t/{{$args.id}}" }}, selection: "id secret", entity: true)
}}
type Thing @key(fields: "id") @tag(name: "x") {{ id: ID! secret: Secret @inaccessible }}
scalar Secret @inaccessible
"#
    );
    let graph = compiled(&text).graph;
    let api = graph.schema.to_string();
    for gone in ["connect", "federation", "@key", "@shareable", "@tag", "secret", "Secret", "link__", "@source"] {
        assert!(!api.contains(gone), "`{gone}` in\n{api}");
    }
    for kept in ["All there is.", "A thing.", "@mine(why: \"so\")", "@deprecated(reason: \"old\")", "directive @mine"] {
        assert!(api.contains(kept), "`{kept}` is missing in\n{api}");
    }
    assert!(graph[graph.by_name["Thing"]].fields.contains_key("secret"), "the planner still knows hidden fields");
}

#[test]
fn several_files_are_one_graph() {
    let one = format!(
        r#"{HEAD}
type Query {{ products: [Product] @connect(source: "s", http: {{ GET: "/p" }}, selection: "id name") }}
type Product @key(fields: "id", resolvable: false) {{ id: ID! name: String }}
"#
    );
    let two = format!(
        r#"{HEAD}
type Product @key(fields: "id") @connect(source: "s", http: {{ POST: "/stock", body: "ids: $batch.id" }}, selection: "$.stock {{ id stock: n }}", batch: {{ maxSize: 50 }}) {{ id: ID! stock: Int }}
"#
    );
    let files = [file("catalog", &one), file("inventory", &two)];
    let compiled = compile(&files, &Options::default())
        .unwrap_or_else(|findings| panic!("{}", render(&findings, Format::Human { color: false })));
    let graph = compiled.graph;
    let product = &graph[graph.by_name["Product"]];
    assert_eq!(product.fields.keys().map(|name| &**name).collect::<Vec<_>>(), ["id", "name", "stock"]);
    assert_eq!(&*graph[product.connectors[0]].coordinate, "inventory:Product[0]");
    assert_eq!(graph[product.connectors[0]].batch, Some(Batch { keys_max: Some(50) }));
    assert_eq!(graph.sources.len(), 2);

    let other = two.replace("id: ID! stock", "id: Int! stock");
    let findings = compile(&[file("catalog", &one), file("inventory", &other)], &Options::default())
        .expect_err("two types of `id`");
    assert_eq!(findings[0].code, "FIELD_TYPE_MISMATCH");
    assert_eq!(findings[0].labels.len(), 2);
}

/// No variable has a value.
struct Nothing;

impl crate::mapping::Variables for Nothing {
    fn get(&self, _: crate::mapping::Variable) -> Option<&crate::mapping::Value> {
        None
    }
}

#[test]
fn configured_urls_replace_the_base() {
    let text = format!(
        "{HEAD}type Query {{ v: String @connect(source: \"s\", http: {{ GET: \"/v\" }}, selection: \"$.v\") }}"
    );
    for key in ["s", "api.s"] {
        let mut options = Options::default();
        options.urls.insert(key.to_owned(), vec!["http://127.0.0.1:9/base".to_owned()]);
        let graph = compile(&[file("api", &text)], &options).expect("a graph").graph;
        let request = graph.connectors[0].request.as_ref().expect("a request");
        assert_eq!(request.render(&Nothing, &http::HeaderMap::new()).expect("a URL").url, "http://127.0.0.1:9/base/v");
    }
}

#[test]
fn what_follows_from_a_missing_field_is_not_reported_beside_it() {
    let text = format!(
        "{HEAD}type Query {{
          one: T @connect(source: \"s\", http: {{ GET: \"/one\" }}, selection: \"id v\")
          two: T @connect(source: \"s\", http: {{ GET: \"/two\" }}, selection: \"id\") }}
        type T {{
          id: ID!
          f: Int @connect(source: \"s\", http: {{ GET: \"/f/{{$this.v}}\" }}, selection: \"$.f\")
          g: Int @connect(source: \"s\", http: {{ GET: \"/g/{{$this.f}}\" }}, selection: \"$.g\")
          v: Int }}"
    );
    let findings = compile(&[file("api", &text)], &Options::default()).expect_err("`two` has no `v`");
    let messages: Vec<&str> = findings.iter().map(|finding| &*finding.message).collect();
    assert_eq!(messages, ["no connector can provide `T.v` where `two` reaches it: `{ two { v } }`"]);
}

#[test]
fn fields_that_need_each_other_are_reported() {
    let text = format!(
        "{HEAD}type Query {{ one: T @connect(source: \"s\", http: {{ GET: \"/one\" }}, selection: \"id\") }}
        type T {{
          id: ID!
          f: Int @connect(source: \"s\", http: {{ GET: \"/f/{{$this.g}}\" }}, selection: \"$.f\")
          g: Int @connect(source: \"s\", http: {{ GET: \"/g/{{$this.f}}\" }}, selection: \"$.g\") }}"
    );
    let findings = compile(&[file("api", &text)], &Options::default()).expect_err("neither can be first");
    assert_eq!(findings.len(), 2, "{findings:?}");
}

#[test]
fn interface_objects_add_to_every_type_of_an_interface_in_another_file() {
    let link = |version: &str| {
        format!(
            "extend schema
              @link(url: \"https://specs.apollo.dev/federation/v2.12\", import: [\"@key\", \"@interfaceObject\"])
              @link(url: \"https://specs.apollo.dev/connect/v{version}\", import: [\"@source\", \"@connect\"])
              @source(name: \"s\", http: {{ baseURL: \"https://s.example\" }})\n"
        )
    };
    let media = link("0.4")
        + "type Query { media: [Media] @connect(source: \"s\", http: { GET: \"/m\" }, selection: \"id ...k->match(['b', { __typename: 'Book' }], ['f', { __typename: 'Film' }])\") }
        interface Media { id: ID! } type Book implements Media { id: ID! } type Film implements Media { id: ID! }";
    let stars = link("0.2")
        + "type Media @interfaceObject @key(fields: \"id\") { id: ID! stars: Int @connect(source: \"s\", id: \"stars\",
            http: { GET: \"/{$this.id}\" }, selection: \"$.n\") }";
    let graph = compile(&[file("media", &media), file("stars", &stars)], &Options::default()).expect("a graph").graph;
    for ty in ["Media", "Book", "Film"] {
        let ty = &graph[graph.by_name[ty]];
        assert_eq!(ty.fields.keys().map(|name| &**name).collect::<Vec<_>>(), ["id", "stars"], "{}", ty.name);
    }
    assert_eq!(graph[graph.by_name["Media"]].possible.len(), 2);

    // By itself it stands for nothing, and what it gives without saying its type is refused.
    let alone = stars.replace(
        "type Media",
        "type Query { top: Media @connect(source: \"s\", http: { GET: \"/top\" }, selection: \"id\") } type Media",
    );
    let warnings = compile(&[file("stars", &alone)], &Options::default()).expect("an object type").warnings;
    assert_eq!(warnings[0].code, "FEDERATION_DIRECTIVE_WITHOUT_EFFECT");
    let compiled = compile(&[file("media", &media), file("stars", &alone)], &Options::default());
    let (Ok(found) | Err(found)) = compiled.map(|compiled| compiled.warnings);
    assert!(found.iter().any(|finding| finding.code == "ABSTRACT_WITHOUT_TYPENAME"), "{found:?}");
}

#[test]
fn syntax_errors_are_said_once_for_a_line() {
    let findings = compile(&[file("api", "type Query { a: } } type B { : : ( }\ntype C {{ }")], &Options::default())
        .expect_err("broken");
    let lines: Vec<usize> = findings
        .iter()
        .map(|finding| finding.labels[0].source.text[..finding.labels[0].span.start].matches('\n').count())
        .collect();
    assert!(!lines.is_empty() && lines.windows(2).all(|pair| pair[0] < pair[1]), "{lines:?}");
}

#[test]
fn bad_documents_are_findings_and_never_panics() {
    let deep = format!("type Query {{ a: {}Int{} }}", "[".repeat(5000), "]".repeat(5000));
    let brackets =
        format!("{HEAD}type Query {{ a: Int @connect(selection: {}{}) }}", "[".repeat(5000), "]".repeat(5000));
    for text in [
        "",
        "{",
        "type Query",
        "\u{0}",
        "extend schema @link",
        "query { a }",
        deep.as_str(),
        brackets.as_str(),
        "type Query { a: Int }",
        "type T @key(fields: \"x\") { a: Int }",
    ] {
        let findings = compile(&[file("api", text)], &Options::default()).expect_err(text);
        assert!(!render(&findings, Format::Human { color: false }).is_empty());
        assert!(!render(&findings, Format::Json).is_empty());
    }
    assert!(compile(&[], &Options::default()).is_err());
}

#[test]
fn unknown_methods_are_warned_of_with_a_suggestion() {
    let text = format!(
        "{HEAD}type Query {{ v: Int @connect(source: \"s\", http: {{ GET: \"/v\" }}, selection: \"$.v->frist\") }}"
    );
    let compiled = compiled(&text);
    let warnings = warnings(&compiled);
    assert_eq!(warnings.len(), 1);
    assert_eq!((warnings[0].code, warnings[0].severity), ("UNKNOWN_METHOD", Severity::Warning));
    assert_eq!(warnings[0].help.as_deref(), Some("did you mean `->first`?"));
    assert!(codes(&text, &strict()).is_empty());
}

#[test]
fn self_references_by_stub_are_ours() {
    let text = format!(
        r#"{HEAD}
type Query {{ person(id: ID!): Person @connect(source: "s", http: {{ GET: "/p/{{$args.id}}" }}, selection: "id name", entity: true) }}
type Person @key(fields: "id") {{ id: ID! name: String mother: Person @connect(source: "s", http: {{ GET: "/p/{{$this.id}}/mother" }}, selection: "id") }}
"#
    );
    assert!(warnings(&compiled(&text)).is_empty());
    assert_eq!(codes(&text, &strict()), BTreeSet::from(["CIRCULAR_REFERENCE".to_owned()]));
}

#[test]
fn the_demo_graph_compiles() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schema");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the demo's schema") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "graphql") {
            let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
            files.push(file(&stem, &std::fs::read_to_string(&path).expect("a text")));
        }
    }
    files.sort_by(|a, b| a.subgraph.cmp(&b.subgraph));
    assert_eq!(files.len(), 5);
    let findings = compile(&files, &Options::default()).map_or_else(|findings| findings, |compiled| compiled.warnings);
    assert!(findings.is_empty(), "{}", render(&findings, Format::Human { color: false }));
}

#[test]
fn names_of_links_have_to_be_names() {
    for import in ["{ name: \"@key\", as: \"@a b\" }", "{ name: \"@key\", as: \"\" }", "\"@ke}y\""] {
        let text = HEAD.replace("\"@key\"", import) + "type Query { a: Int }";
        let found = codes(&text, &Options::default());
        assert!(found.contains("INVALID_LINK_IDENTIFIER"), "{import}: {found:?}");
    }
    let text = HEAD.replace("v0.3\",", "v0.3\", as: \"x{y\",") + "type Query { a: Int }";
    assert!(codes(&text, &Options::default()).contains("INVALID_LINK_IDENTIFIER"));
}

#[test]
fn a_field_connector_without_this_is_unreachable_in_strict() {
    let text = format!(
        r#"{HEAD}
type Query {{ club: Club @connect(source: "s", http: {{ GET: "/c" }}, selection: "name") }}
type Club {{ name: String motto: String @connect(source: "s", http: {{ GET: "/motto" }}, selection: "$.text") }}
"#
    );
    assert!(warnings(&compiled(&text)).is_empty());
    assert_eq!(codes(&text, &strict()), BTreeSet::from(["CONNECTORS_UNSATISFIABLE".to_owned()]));
}

#[test]
fn one_header_object_stands_for_a_list() {
    let text = format!(
        "{HEAD}type Query {{ v: String @connect(source: \"s\", http: {{ GET: \"/v\", headers: {{ name: \"x\", value: \"1\" }} }}, selection: \"$.v\") }}"
    );
    assert!(warnings(&compiled(&text)).is_empty());
}

#[test]
fn marks_lie_inside_block_strings() {
    let text = format!(
        "{HEAD}type Query {{ v: V @connect(source: \"s\", http: {{ GET: \"/v\" }}, selection: \"\"\"\n      id  # é\n      nmae\n  \"\"\") }}\ntype V {{ id: ID name: String }}"
    );
    let findings = compile(&[file("api", &text)], &Options::default()).expect_err("a misspelt field");
    let finding = findings.iter().find(|finding| finding.code == "SELECTED_FIELD_NOT_FOUND").expect("the finding");
    assert_eq!(&text[finding.labels[0].span.clone()], "nmae");
    assert_eq!(finding.help.as_deref(), Some("did you mean `name`?"));
}

#[test]
fn in_default_only_two_edits_are_judged_otherwise() {
    let mut differing = Vec::new();
    for (name, text) in edits() {
        if codes(&text, &strict()) != codes(&text, &Options::default()) {
            differing.push((name, codes(&text, &Options::default())));
        }
    }
    let warned = BTreeSet::from(["UNKNOWN_METHOD".to_owned()]);
    let wanted =
        [("a type inside itself".to_owned(), BTreeSet::new()), ("unknown method in the selection".to_owned(), warned)];
    assert_eq!(differing, wanted);
}

#[test]
fn written_definitions_have_to_fit() {
    let written = r#"
directive @connect(source: String, http: connect__ConnectHTTP!, selection: connect__JSONSelection!) repeatable on FIELD_DEFINITION
input connect__ConnectHTTP { GET: connect__URLTemplate }
scalar connect__JSONSelection
scalar connect__URLTemplate
type Query { v: String @connect(source: "s", http: { GET: "/v" }, selection: "$.v") }
"#;
    assert!(warnings(&compiled(&format!("{HEAD}{written}"))).is_empty());
    for (old, new) in
        [("selection: connect__JSONSelection!)", "selection: Int)"), ("source: String,", "sauce: String,")]
    {
        let text = format!("{HEAD}{written}").replace(old, new);
        assert!(codes(&text, &Options::default()).contains("DIRECTIVE_DEFINITION_INVALID"), "{new}");
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// Pieces that mean something somewhere, to be put where they mean nothing.
    const PIECES: [&str; 18] = [
        "{",
        "}",
        "(",
        ")",
        "\"",
        "\"\"\"",
        "$",
        "$this",
        "@",
        "->",
        "...",
        ":",
        "!",
        "[",
        "\\",
        "é",
        "type Query",
        "null",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

        #[test]
        fn broken_texts_are_findings_and_never_panics(
            which in 0_usize..20,
            edits in prop::collection::vec((0.0..1.0_f64, 0_usize..12, 0_usize..PIECES.len()), 1..4),
        ) {
            let mut paths: Vec<PathBuf> = std::fs::read_dir(fixtures()).expect("the fixtures")
                .map(|entry| entry.expect("an entry").path())
                .filter(|path| path.extension().is_some_and(|extension| extension == "graphql"))
                .collect();
            paths.sort();
            let mut text: Vec<char> = std::fs::read_to_string(&paths[which]).expect("a text").chars().collect();
            for (at, gone, piece) in edits {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "an index into the text")]
                let at = (at * text.len() as f64) as usize;
                let end = (at + gone).min(text.len());
                text.splice(at..end, PIECES[piece].chars());
            }
            let text: String = text.into_iter().collect();
            if let Err(findings) = compile(&[file("api", &text)], &Options::default()) {
                prop_assert!(!findings.is_empty());
                for finding in &findings {
                    let label = &finding.labels[0];
                    prop_assert!(label.source.text.get(label.span.clone()).is_some(), "{finding:?}");
                }
                let drawn = render(&findings, Format::Human { color: true });
                let listed = render(&findings, Format::Json);
                prop_assert!(!drawn.is_empty() && !listed.is_empty());
            }
        }
    }
}

#[test]
fn members_of_a_union_may_have_other_types_under_one_name() {
    let schema = |arm: &str| {
        format!(
            r#"
            extend schema @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@connect"])
            type Query {{
              finds: [Find] @connect(http: {{ GET: "http://localhost/finds" }}, selection: """
                ... kind->match(
                  ['coin', {{ __typename: 'Coin', maker: $.maker {{ name }} }}],
                  ['urn', {{ __typename: 'Urn', {arm} }}],
                  [@, null]
                )
              """)
            }}
            union Find = Coin | Urn
            type Coin {{ maker: Maker }}
            type Maker {{ name: String }}
            type Urn {{ maker: String }}
            "#
        )
    };
    compiled(&schema("maker: $.maker"));
    assert!(codes(&schema("maker: $.maker { name }"), &Options::default()).contains("GROUP_SELECTION_IS_NOT_OBJECT"));
    assert!(codes(&schema("maker: $.maker, mint: $.mint"), &Options::default()).contains("SELECTED_FIELD_NOT_FOUND"));
}

/// A schema of a newcomer with one mistake in it: exactly one finding, with what is wrong and what to type.
#[test]
fn a_newcomers_mistake_is_one_finding_with_what_to_type() {
    const GOOD: &str = r#"extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.12", import: ["@key"])
  @link(url: "https://specs.apollo.dev/connect/v0.3", import: ["@source", "@connect"])
  @source(name: "library", http: { baseURL: "https://library.example" })
type Query {
  book(id: ID!): Book @connect(source: "library", http: { GET: "/books/{$args.id}" }, selection: "id title")
}
type Book { id: ID! title: String }
"#;
    let (url, selection) = (r#""/books/{$args.id}""#, r#"selection: "id title""#);
    let get = r#"{ GET: "/books/{$args.id}" }"#;
    for (written, instead, message, help) in [
        (", selection: \"id title\"", "", "`@connect(selection:)` is not provided", "add `selection: \"…\"`"),
        ("baseURL", "baseUrl", "field `baseUrl` does not exist on `http` of `@source`", "did you mean `baseURL`?"),
        (get, "\"GET /books\"", "expected `http` of `@connect`, found a string", "write `{ GET: \"/…\" }`"),
        (selection, "selection: { id: title }", "a text is wanted here", "put it between quotes"),
        (get, r#"{ POST: "/b", body: { a: 1 } }"#, "a text is wanted here", "put it between quotes"),
        (get, r#"{ GET: "/b", queryParams: { a: 1 } }"#, "a text is wanted here", "put it between quotes"),
        (get, r#"{ GET: "/b", headers: { tenant: "t" } }"#, "field `tenant` does not exist", "`{ name: \"x-tenant\""),
        (
            "specs.apollo.dev/connect/v0.3",
            "specs.apollo.dev/connectors/v0.3",
            "cannot find directive `@source`",
            "did you mean `https://specs.apollo.dev/connect/v0.3`?",
        ),
        ("type Query {", "type Qurey {", "the schema has no query field", "add `type Query`"),
        (url, r#""/books/{$arg.id}""#, "`$arg` is no variable", "did you mean `$args`?"),
        (url, r#""/books/{args.id}""#, "`args` reads the response", "did you mean `$args`?"),
        (url, r#""/books/{$id}""#, "`$id` is no variable", "did you mean `$args.id`?"),
        (url, r#""/books/{id}""#, "`id` reads the response", "did you mean `$args.id`?"),
        (url, r#""/books/{{$args.id}}""#, "found `{`", "one brace is enough"),
        (url, "'/books'", "unexpected character", "double quotes"),
        ("\"id title\"", "\"id, title\"", "unexpected `,`", "white space before v0.4"),
        ("\"id title\"", "\"id title: first + last\"", "unexpected `+`", "joinNotNull"),
        ("\"id title\"", "\"id: items[0].id title\"", "unexpected `[`", "`->get(0)`"),
        ("\"id title\"", "\"id title: titles.first()\"", "unexpected `(`", "with an arrow"),
        ("type Book {", "type Book @key(fields: \"ID\") {", "no field `ID`", "did you mean `id`?"),
        ("type Book {", "typ Book {", "expected definition", "did you mean `type`?"),
        ("title: String", "title: Date", "cannot find type `Date`", "declare it: `scalar Date`"),
        ("type Book {", "type Book { id: ID! } type Book {", "defined multiple times", "`extend type Book { … }`"),
        (
            "type Book {",
            "type Book @override(from: \"a\") {",
            "cannot find directive `@override`",
            "`import` of the federation link",
        ),
    ] {
        let text = GOOD.replacen(written, instead, 1);
        assert_ne!(text, GOOD, "{written}");
        let (Ok(found) | Err(found)) =
            compile(&[file("api", &text)], &Options::default()).map(|compiled| compiled.warnings);
        let shown = crate::error::render(&found, crate::error::Format::Human { color: false });
        assert_eq!(found.len(), 1, "{instead}\n{shown}");
        assert!(found[0].message.contains(message), "`{message}`\n{shown}");
        assert!(found[0].help.as_deref().is_some_and(|text| text.contains(help)), "`{help}`\n{shown}");
    }
}
