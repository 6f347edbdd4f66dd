//! What `weft demo` says when it is ready.

use std::{fmt::Write as _, net::SocketAddr};

/// Three queries to begin with: what each shows, and its text on one line.
const SUGGESTIONS: [(&str, &str); 3] = [
    (
        "a page of phones: five REST calls, however long the page is",
        "{ products(category: \"phones\", first: 20) { items { name price { cents } brand { name } stock { available } \
         reviews { rating top { title author { name } } } } } }",
    ),
    (
        "the caller's orders (wants the token): ids are numbers here and text there",
        "{ viewer { name orders(first: 3) { id status lines { quantity product { name stock { inStock } } } } } }",
    ),
    (
        "a search, with a cursor for the next page",
        "{ products(search: \"wireless pro\", first: 5) { total next items { name tags brand { name country } } } }",
    ),
];

/// The text. `url` is where GraphQL is answered.
pub(super) fn text(url: &str, admin: Option<SocketAddr>, services: &[(&str, SocketAddr)], token: &str) -> String {
    let mut text = String::new();
    let mut line = |words: &str| {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{words}");
    };
    line(&format!("weft demo answers at {url} (GraphiQL for browsers)"));
    line("");
    for (name, address) in services {
        line(&format!("  {name:10} http://{address}/openapi.json"));
    }
    if let Some(admin) = admin {
        line(&format!("  {:10} http://{admin}/metrics", "metrics"));
    }
    line("");
    line("Try in GraphiQL, with this header for what wants a token:");
    line(&format!("  {{\"authorization\": \"Bearer {token}\"}}"));
    for (number, (what, query)) in (1..).zip(SUGGESTIONS) {
        line(&format!("\n{number}. {what}\n   {query}"));
    }
    line("\nOr in a shell:");
    let body = serde_json::json!({ "query": SUGGESTIONS[1].1 });
    line(&format!("  curl -s {url} -H 'content-type: application/json' \\"));
    line(&format!("    -H 'authorization: Bearer {token}' \\"));
    line(&format!("    -d '{body}'"));
    if let Some((_, address)) = services.iter().find(|(name, _)| *name == "catalog") {
        line(&format!("\nWhat reached a service: curl -s http://{address}/__calls      Ctrl-C stops everything."));
    }
    text
}

/// What is said when only the services run.
pub(super) fn services(services: &[(&str, SocketAddr)]) -> String {
    let mut text = "the services answer (Ctrl-C stops them)\n\n".to_owned();
    for (name, address) in services {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "  {name:10} http://{address}/openapi.json");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_three_queries_and_a_curl_that_a_shell_can_read() {
        let address = SocketAddr::from(([127, 0, 0, 1], 5001));
        let text = text("http://127.0.0.1:4000/graphql", None, &[("catalog", address)], "TOKEN");
        assert!(text.starts_with("weft demo answers at http://127.0.0.1:4000/graphql"));
        assert!(
            ["\n1. ", "\n2. ", "\n3. ", "curl -s http://127.0.0.1:5001/__calls"].iter().all(|part| text.contains(part))
        );
        let body = text.split("-d '").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["query"], SUGGESTIONS[1].1);
    }
}
