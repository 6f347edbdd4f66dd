//! A schema as large as a company's: many services, entities that refer to each other, value types, enums. The same at every run.

use std::fmt::Write as _;

/// So many types and connectors, over a source for every hundred connectors.
///
/// Of ten types three are entities, six the value types of these (two each), one an enum. Every entity has a connector by key, by
/// turns on the type (single, batched) and as `entity: true`; what is left of the connectors are lists of entities.
pub fn schema(types: usize, connectors: usize) -> String {
    let entities = types * 3 / 10;
    let enums = types - entities * 3;
    let sources = connectors.div_ceil(100);
    let mut sdl = String::from(
        "extend schema\n  @link(url: \"https://specs.apollo.dev/federation/v2.11\", import: [\"@key\"])\n  \
         @link(url: \"https://specs.apollo.dev/connect/v0.3\", import: [\"@source\", \"@connect\"])\n",
    );
    for source in 0..sources {
        let _ = writeln!(sdl, "  @source(name: \"s{source}\", http: {{ baseURL: \"http://s{source}.example\" }})");
    }
    let mut query = String::from("type Query {\n");
    let mut rest = String::new();
    for at in 0..entities {
        let source = at % sources;
        let whole = format!(
            "id name status amount tags detail: detail_{at} {{ a b part {{ x y z }} }} next {{ id: next_id }} others {{ id }}"
        );
        let on_type = match at % 3 {
            0 => format!(
                "  @connect(source: \"s{source}\", http: {{ GET: \"/e{at}/{{$this.id}}\" }}, selection: \"{whole}\")\n"
            ),
            1 => format!(
                "  @connect(source: \"s{source}\", http: {{ GET: \"/e{at}\", queryParams: \"id: $batch.id\" }}, \
                 batch: {{ maxSize: 50 }}, selection: \"{whole}\")\n"
            ),
            _ => {
                let _ = writeln!(
                    query,
                    "  e{at}(id: ID!): E{at} @connect(source: \"s{source}\", http: {{ GET: \"/e{at}/{{$args.id}}\" }}, \
                     entity: true, selection: \"{whole}\")"
                );
                String::new()
            }
        };
        let _ = writeln!(
            rest,
            "type E{at} @key(fields: \"id\")\n{on_type}{{\n  id: ID!\n  name: String\n  status: N{}\n  amount: Float\n  \
             tags: [String!]\n  detail: D{at}\n  next: E{}\n  others: [E{}]\n}}",
            at % enums,
            (at + 1) % entities,
            (at * 7 + 3) % entities,
        );
        let _ = writeln!(
            rest,
            "type D{at} {{ a: Int  b: Boolean  part: P{at} }}\ntype P{at} {{ x: Int  y: Int  z: String }}"
        );
    }
    for at in 0..enums {
        let _ = writeln!(rest, "enum N{at} {{ NEW OPEN DONE }}");
    }
    for at in 0..connectors.saturating_sub(entities) {
        let of = at * 3 % entities;
        let _ = writeln!(
            query,
            "  list{at}(first: Int = 10): [E{of}] @connect(source: \"s{}\", http: {{ GET: \"/list{at}?n={{$args.first}}\" }}, \
             selection: \"id name detail {{ a }}\")",
            at % sources
        );
    }
    sdl + &query + "}\n" + &rest
}
