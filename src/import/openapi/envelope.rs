//! Envelopes: what is around the thing that was asked for.

use std::rc::Rc;

use super::{
    flat::Flat,
    model::{Edge, Field, Kind, Ty, TypeId, TypeKind, Usage},
    report::Report,
    types::{Types, is_plain},
    words::{self, Names, field_name, singular_words, words},
};

/// Properties that are about the answer and not part of what was asked for.
const META: [&str; 64] = [
    "page",
    "pages",
    "paging",
    "pagination",
    "pageinfo",
    "meta",
    "metadata",
    "links",
    "link",
    "next",
    "nextpage",
    "nextcursor",
    "nextpagetoken",
    "nexttoken",
    "nextpageuri",
    "nextpageurl",
    "nextmarker",
    "nexturi",
    "prev",
    "previous",
    "previouspage",
    "previouscursor",
    "previouspageuri",
    "prevcursor",
    "cursor",
    "cursors",
    "total",
    "totals",
    "totalcount",
    "totalitems",
    "totalpages",
    "totalresults",
    "totalentries",
    "count",
    "size",
    "limit",
    "offset",
    "perpage",
    "pagesize",
    "pagenumber",
    "pagetoken",
    "pagecount",
    "hasmore",
    "hasnext",
    "hasnextpage",
    "hasprevious",
    "object",
    "url",
    "uri",
    "kind",
    "success",
    "ok",
    "status",
    "code",
    "message",
    "messages",
    "errors",
    "error",
    "warnings",
    "warning",
    "requestid",
    "firstpageuri",
    "start",
    "end",
];

/// Properties that hold what was asked for, whatever it is.
const WRAPPERS: [&str; 12] = [
    "data", "result", "results", "item", "items", "value", "values", "payload", "response", "records", "entries",
    "list",
];

/// Members that hold how a list goes on, whose members are shown beside the items.
const PAGES: [&str; 8] = ["page", "paging", "pagination", "pageinfo", "meta", "metadata", "cursor", "cursors"];

/// Properties that say nothing of how a list goes on.
const QUIET: [&str; 16] = [
    "success",
    "ok",
    "status",
    "code",
    "message",
    "messages",
    "errors",
    "error",
    "warnings",
    "warning",
    "requestid",
    "object",
    "url",
    "uri",
    "kind",
    "link",
];

/// Properties of an envelope beyond which it is a thing of its own.
const PROPERTIES_MAX: usize = 16;

/// What an answer is about.
pub(super) struct Content {
    pub(super) ty: Ty,
    /// Names of the properties that lead to it.
    pub(super) envelope: Vec<String>,
    /// What of the envelope is not shown.
    pub(super) hidden: Vec<String>,
}

impl<'d> Types<'d> {
    /// The type of an answer, taken out of its envelope. `resource` is what the path says that it is one of.
    pub(super) fn content(
        &mut self,
        flat: &Rc<Flat<'d>>,
        hint: &str,
        resource: &[String],
        report: &mut Report,
    ) -> Content {
        let whole = |ty: Ty| Content { ty, envelope: Vec::new(), hidden: Vec::new() };
        if !flat.is_object() || flat.properties.len() > PROPERTIES_MAX || flat.discriminator.is_some() {
            let ty = self.of(flat, hint, Usage::Output, 16, report);
            return whole(ty);
        }
        let is_meta = |name: &str| META.contains(&words(name).concat().as_str());
        let carried: Vec<&'d str> = flat.properties.keys().copied().filter(|name| !is_meta(name)).collect();
        let [carried] = carried.as_slice() else {
            let ty = self.of(flat, hint, Usage::Output, 16, report);
            return whole(ty);
        };
        let inner = self.flats.read(flat.properties[carried], report);
        let own = words(carried);
        let is_named = WRAPPERS.contains(&own.concat().as_str())
            || singular_words(&own) == resource
            || own.last() == resource.last();
        let is_alone = flat.properties.len() == 1;
        if !is_plain(carried)
            || !(inner.is_list() || inner.is_object() || !inner.variants.is_empty())
            || is_alone && !is_named
        {
            let ty = self.of(flat, hint, Usage::Output, 16, report);
            return whole(ty);
        }
        let rest: Vec<&'d str> = flat.properties.keys().copied().filter(|name| name != carried).collect();
        if inner.is_list() && rest.iter().any(|name| tells_of_paging(name)) {
            let id = self.page(flat, carried, &inner, hint, report);
            return whole(Ty { kind: Kind::Named(id), is_nullable: true });
        }
        // A thing with a status of its own is no envelope.
        if !is_named && !is_alone {
            let ty = self.of(flat, hint, Usage::Output, 16, report);
            return whole(ty);
        }
        let ty = self.of(&inner, hint, Usage::Output, 16, report);
        Content { ty, envelope: vec![(*carried).to_owned()], hidden: rest.into_iter().map(str::to_owned).collect() }
    }

    /// A list with what is told of how it goes on: `ProductPage { items total next }`.
    fn page(
        &mut self,
        flat: &Rc<Flat<'d>>,
        carried: &str,
        inner: &Rc<Flat<'d>>,
        hint: &str,
        report: &mut Report,
    ) -> TypeId {
        if let Some(known) = self.pages.get(&flat.identity) {
            return *known;
        }
        let items = self.of(inner, hint, Usage::Output, 16, report);
        let mut names = Names::default();
        let mut fields = Vec::new();
        let mut add = |path: Vec<String>, name: String, ty: Ty, description: Option<&str>| {
            let name = names.give(&[name]);
            fields.push(Field {
                name,
                path,
                ty,
                description: description.map(str::to_owned),
                is_deprecated: false,
                edge: Edge::Whole,
                is_integer: false,
                join: None,
                comment: None,
            });
        };
        let is_required = flat.required.contains(carried) && !inner.nullable;
        let base = items.inner().map_or_else(|| super::words::type_name(hint), |id| self.all[id.0].name.clone());
        add(vec![carried.to_owned()], "items".to_owned(), items.nullable(!is_required), inner.description);
        for (wire, node) in flat.properties.iter().filter(|(wire, _)| **wire != carried && is_plain(wire)) {
            let meta = self.flats.read(*node, report);
            let mut parts = Vec::new();
            if meta.is_object() && PAGES.contains(&words(wire).concat().as_str()) {
                for (inner, node) in meta.properties.iter().filter(|(inner, _)| is_plain(inner)) {
                    parts.push((*inner, self.flats.read(*node, report)));
                }
            }
            if !parts.is_empty() && parts.iter().all(|(_, part)| part.kinds.is_scalar()) {
                for (inner, part) in parts {
                    let ty = self.of(&part, hint, Usage::Output, 16, report);
                    let is_required = flat.required.contains(wire) && meta.required.contains(inner) && !meta.nullable;
                    let is_nullable = part.nullable || !is_required;
                    add(
                        vec![(*wire).to_owned(), inner.to_owned()],
                        field_name(inner),
                        ty.nullable(is_nullable),
                        part.description,
                    );
                }
                continue;
            }
            let ty = self.of(&meta, &format!("{base}{}", words::type_name(wire)), Usage::Output, 16, report);
            let is_nullable = meta.nullable || !flat.required.contains(wire);
            add(vec![(*wire).to_owned()], field_name(wire), ty.nullable(is_nullable), meta.description);
        }
        let base = if base.ends_with("Page") { base } else { format!("{base}Page") };
        let signature = (
            base.clone(),
            fields.iter().map(|field| (field.name.clone(), field.path.clone(), field.ty.clone())).collect::<Vec<_>>(),
        );
        if let Some(known) = self.alike.get(&signature) {
            self.pages.insert(flat.identity, *known);
            return *known;
        }
        let name = self.names.give(&[base]);
        let nameless = Flat { identity: 0, description: flat.description, ..Flat::default() };
        let id = self.add(&nameless, name, TypeKind::Object { fields, implements: Vec::new() }, Usage::Output);
        self.pages.insert(flat.identity, id);
        self.alike.insert(signature, id);
        id
    }
}

/// Whether a property says how a list goes on.
fn tells_of_paging(name: &str) -> bool {
    let name = words(name).concat();
    !QUIET.contains(&name.as_str())
}
