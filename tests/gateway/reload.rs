//! `weft serve --dev` over real files: what is written is served a moment later, what is wrong is told and not served.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::support::{process::Weft, runtime, scratch};

/// A schema file whose field gives a fixed text, without any service.
fn giving(field: &str, text: &str) -> String {
    format!(
        "extend schema @link(url: \"https://specs.apollo.dev/connect/v0.4\", import: [\"@connect\"])\n\
         type Query {{ {field}: String @connect(selection: \"$('{text}')\") }}\n"
    )
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Folder {
    fn new(name: &str, schema: &str) -> Self {
        let folder = Self(scratch(name));
        folder.write("weft.yaml", &config(&[schema]));
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("in the folder")).expect("a scratch folder");
        fs::write(path, text).expect("a scratch folder");
    }

    fn serve(&self) -> Weft {
        Weft::start_with(&self.path("weft.yaml"), &["--dev"], &[]).expect("weft starts")
    }
}

fn config(schema: &[&str]) -> String {
    json!({ "schema": schema, "server": { "listen": "127.0.0.1:0" }, "admin": { "listen": "off" } }).to_string()
}

fn ask(weft: &Weft, query: &str) -> Value {
    runtime().block_on(async { weft.ask(&json!({ "query": query }), &[]).await.expect("an answer").1 })
}

#[test]
fn a_changed_file_is_served_and_a_broken_one_is_told() {
    let folder = Folder::new("reload", "schema");
    folder.write("schema/a.graphql", &giving("name", "one"));
    let weft = folder.serve();
    assert_eq!(ask(&weft, "{ name }"), json!({ "data": { "name": "one" } }));

    folder.write("schema/a.graphql", &giving("name", "two"));
    let log = weft.wait_for("reloaded (");
    assert!(log.contains("a.graphql`): the API is the same"), "{log}");
    assert_eq!(ask(&weft, "{ name }"), json!({ "data": { "name": "two" } }));

    folder.write("schema/a.graphql", "type Query { name: String @connect(selection: \"$(\") }");
    let log = weft.wait_for("not reloaded (");
    assert!(log.contains("GRAPH_QL_ERROR") && log.contains("a.graphql:1:"), "{log}");
    assert_eq!(ask(&weft, "{ name }"), json!({ "data": { "name": "two" } }), "the last good schema goes on");

    folder.write("schema/a.graphql", &giving("title", "three"));
    let log = weft.wait_for("FIELD_ADDED");
    assert!(log.contains("breaking") && log.contains("FIELD_REMOVED  Query.name"), "{log}");
    assert_eq!(ask(&weft, "{ title }"), json!({ "data": { "title": "three" } }));
}

#[test]
fn files_that_come_and_go_in_a_folder_count() {
    let folder = Folder::new("reload-folder", "schema");
    folder.write("schema/a.graphql", &giving("a", "a"));
    let weft = folder.serve();
    folder.write("schema/b.graphql", &giving("b", "b"));
    let log = weft.wait_for("FIELD_ADDED");
    assert!(log.contains("b.graphql"), "{log}");
    assert_eq!(ask(&weft, "{ a b }"), json!({ "data": { "a": "a", "b": "b" } }));

    // Another folder, named by the configuration from now on, is watched as well.
    folder.write("more/c.graphql", &giving("c", "c"));
    folder.write("weft.yaml", &config(&["schema", "more"]));
    weft.wait_for("FIELD_ADDED");
    fs::remove_file(folder.path("schema/b.graphql")).expect("it is there");
    weft.wait_for("FIELD_REMOVED");
    folder.write("more/c.graphql", &giving("c", "changed"));
    weft.wait_for("the API is the same");
    assert_eq!(ask(&weft, "{ a c }"), json!({ "data": { "a": "a", "c": "changed" } }));
}

#[test]
fn content_counts_and_not_the_file() {
    // As a ConfigMap is mounted: files are links through a link, which is swapped.
    let folder = Folder::new("reload-links", "mount");
    folder.write("mount/..one/a.graphql", &giving("name", "one"));
    folder.write("mount/..two/a.graphql", &giving("name", "two"));
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(Path::new(target), folder.path(name)).expect("a link can be made");
    };
    link("..one", "mount/..data");
    link("..data/a.graphql", "mount/a.graphql");
    let weft = folder.serve();
    assert_eq!(ask(&weft, "{ name }"), json!({ "data": { "name": "one" } }));

    // Written anew with the same content: nothing to do. The next change tells that it was not reloaded.
    folder.write("mount/..one/a.graphql", &giving("name", "one"));
    let config = fs::read(folder.path("weft.yaml")).expect("it is there");
    fs::write(folder.path("weft.yaml"), config).expect("it can be written");
    link("..two", "mount/..next");
    fs::rename(folder.path("mount/..next"), folder.path("mount/..data")).expect("the link is swapped");
    let log = weft.wait_for("the API is the same");
    assert_eq!(log.matches("reloaded (").count(), 1, "{log}");
    assert!(log.contains("a.graphql"), "{log}");
    assert_eq!(ask(&weft, "{ name }"), json!({ "data": { "name": "two" } }));
}
