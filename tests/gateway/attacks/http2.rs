//! What is sent by HTTP/2: frames that no client library would make.
//!
//! Sources: RFC 9113 (frames, streams, what is malformed), RFC 7541 (header compression), and the reports of what servers fell to:
//! CVE-2019-9511 to 9518 (floods), CVE-2023-44487 (rapid reset), CVE-2024-27316 (continuations), CVE-2025-8671 (resets by the server).

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

/// What a request asks for here.
const BODY: &[u8] = br#"{"query":"{ canary { id } }"}"#;

/// The first bytes of a connection, with settings.
fn start(settings: &[(u16, u32)]) -> Vec<u8> {
    let settings: Vec<u8> =
        settings.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(SETTINGS, 0, 0, &settings)].concat()
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A number with a prefix of seven bits. Source: RFC 7541, 5.1.
fn number(mut value: usize) -> Vec<u8> {
    if value < 127 {
        return vec![u8::try_from(value).expect("seven bits")];
    }
    let mut bytes = vec![127];
    value -= 127;
    while value >= 128 {
        bytes.push(u8::try_from(value % 128).expect("seven bits") | 128);
        value /= 128;
    }
    bytes.push(u8::try_from(value).expect("seven bits"));
    bytes
}

/// Headers as they are, in no table.
fn block(headers: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [number(text.len()), text.as_bytes().to_vec()].concat();
    headers.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

const POST: [(&str, &str); 5] = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/graphql"),
    (":authority", "weft.test"),
    ("content-type", "application/json"),
];

/// The headers of a request, with some more.
fn post(more: &[(&str, &str)]) -> Vec<u8> {
    block(&[&POST, more].concat())
}

/// A request with these headers and this body.
fn request(stream: u32, block: &[u8], body: &[u8]) -> Vec<u8> {
    [frame(HEADERS, END_HEADERS, stream, block), frame(DATA, END_STREAM, stream, body)].concat()
}

/// The numbers of so many streams.
fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|at| 2 * at + 1)
}

/// A request like any other: it shows that these frames are right.
pub(super) fn harmless() -> Vec<u8> {
    [start(&[]), request(1, &post(&[]), BODY), frame(GOAWAY, 0, 0, &[0; 8])].concat()
}

/// What is sent, with a name.
type Named = (&'static str, Vec<u8>);

/// Those of the first part may ask for `canary`, and be answered; those of the second may not.
#[expect(clippy::too_many_lines, reason = "two lists")]
pub(super) fn attacks() -> (Vec<Named>, Vec<Named>) {
    let on = |bytes: Vec<u8>| [start(&[]), bytes].concat();
    let one = |headers: &[(&str, &str)], body: &[u8]| on(request(1, &block(headers), body));
    let each = |count: u32, of: &dyn Fn(u32) -> Vec<u8>| on(streams(count).flat_map(of).collect());
    let reset = |stream| frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]);
    let window = |stream, by: u32| frame(WINDOW_UPDATE, 0, stream, &by.to_be_bytes());
    let opened = frame(HEADERS, END_HEADERS, 1, &post(&[]));
    let (head, good) = (post(&[]), request(1, &post(&[]), BODY));
    // A header of four thousand letters, kept in the table, and then said by one byte each time.
    let bomb = {
        let kept = [vec![0x40], number(1), b"x".to_vec(), number(4000), vec![b'y'; 4000]].concat();
        [head.clone(), kept, vec![0xbe; 12_000]].concat()
    };
    let answered = vec![
        ("requests taken back at once", each(5_000, &|at| [request(at, &head, BODY), reset(at)].concat())),
        (
            "requests taken back before they are whole",
            each(5_000, &|at| [frame(HEADERS, END_HEADERS, at, &head), reset(at)].concat()),
        ),
        (
            "requests that the server has to end",
            each(5_000, &|at| [frame(HEADERS, END_HEADERS, at, &head), window(at, 0)].concat()),
        ),
        (
            "requests whose window the server has to close",
            each(2_000, &|at| [request(at, &head, BODY), window(at, 0x7fff_ffff)].concat()),
        ),
        ("more requests at once than allowed", each(1_000, &|at| request(at, &head, BODY))),
        (
            "answers that nobody has room for",
            [start(&[(4, 0)]), streams(200).flat_map(|at| request(at, &head, BODY)).collect()].concat(),
        ),
        ("answers that are taken byte by byte", {
            let bytes = streams(50)
                .flat_map(|at| request(at, &head, BODY))
                .chain((0..2_000).flat_map(|at| window(2 * (at % 50) + 1, 1)));
            [start(&[(4, 1)]), bytes.collect()].concat()
        }),
        (
            "settings changed without end",
            on([
                good.clone(),
                (0..5_000_u32)
                    .flat_map(|at| frame(SETTINGS, 0, 0, &[&[0, 4][..], &(at * 7).to_be_bytes()].concat()))
                    .collect(),
            ]
            .concat()),
        ),
        (
            "settings that nobody knows",
            on([frame(SETTINGS, 0, 0, &[0xfa, 0xce, 0, 0, 0, 1].repeat(2_000)), good.clone()].concat()),
        ),
        (
            "a table of headers that changes its size without end",
            [start(&[(1, 0)]), request(1, &[[0x20, 0x3f, 0xe1, 0x1f].repeat(3_000), head.clone()].concat(), BODY)]
                .concat(),
        ),
        ("goodbyes without end", on([good.clone(), frame(GOAWAY, 0, 0, &[0; 8]).repeat(5_000)].concat())),
        ("windows opened without end", on([good.clone(), window(0, 1).repeat(10_000)].concat())),
        (
            "priorities without end",
            on([
                good.clone(),
                (0..10_000_u32).flat_map(|at| frame(PRIORITY, 0, 2 * (at % 500) + 1, &[0, 0, 0, 0, 1])).collect(),
            ]
            .concat()),
        ),
        ("frames that nobody knows", on([good.clone(), frame(0xfa, 0xff, 0, &[0; 100]).repeat(5_000)].concat())),
        ("data after the end", on([good.clone(), frame(DATA, 0, 1, b"x").repeat(5_000)].concat())),
        ("a window beyond all", on([good.clone(), window(0, 0x7fff_ffff).repeat(2)].concat())),
        ("a stream that depends on itself", on([frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 1]), good.clone()].concat())),
        ("a cookie in a thousand parts", on(request(1, &post(&[("cookie", "a=b"); 500]), BODY))),
    ];
    let much = block(&[("x", "y".repeat(500).as_str()); 30]);
    let going_on = frame(CONTINUATION, 0, 1, &much);
    let refused = vec![
        ("settings without end", on(frame(SETTINGS, 0, 0, &[]).repeat(20_000))),
        ("acknowledgements of nothing", on(frame(SETTINGS, 1, 0, &[]).repeat(20_000))),
        ("pings without end", on(frame(PING, 0, 0, &[1; 8]).repeat(10_000))),
        ("pings of a wrong size", on(frame(PING, 0, 0, &[1; 7]))),
        (
            "noise",
            on((0..10_000_u32).map(|n| u8::try_from(n.wrapping_mul(2_654_435_761) >> 24).expect("a byte")).collect()),
        ),
        ("a frame beyond its size", on([&[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1][..], &[0; 1000]].concat())),
        (
            "headers that go on",
            on([frame(HEADERS, END_STREAM, 1, &[0x82]), frame(CONTINUATION, 0, 1, &[0x82]).repeat(20_000)].concat()),
        ),
        (
            "headers that go on and say nothing",
            on([frame(HEADERS, END_STREAM, 1, &[]), frame(CONTINUATION, 0, 1, &[]).repeat(20_000)].concat()),
        ),
        (
            "headers that go on and say much",
            on([
                frame(HEADERS, END_STREAM, 1, &head),
                frame(CONTINUATION, 0, 1, &block(&[("x", &"y".repeat(8_000))])).repeat(200),
            ]
            .concat()),
        ),
        (
            "headers interrupted by a ping",
            on([frame(HEADERS, END_STREAM, 1, &head), frame(PING, 0, 0, &[0; 8])].concat()),
        ),
        ("headers that unpack to fifty megabytes", on(frame(HEADERS, END_HEADERS | END_STREAM, 1, &bomb))),
        (
            "headers beyond the limit",
            on([frame(HEADERS, END_STREAM, 1, &head), going_on.repeat(2), frame(CONTINUATION, END_HEADERS, 1, &much)]
                .concat()),
        ),
        ("an entry that no table has", on(frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xff, 0xff, 0xff, 0x0f]))),
        ("an entry whose number never ends", on(frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xff; 4000]))),
        (
            "a table of four gigabytes",
            on(frame(
                HEADERS,
                END_HEADERS | END_STREAM,
                1,
                &[&[0x3f, 0xe1, 0xff, 0xff, 0xff, 0x0f][..], &head].concat(),
            )),
        ),
        (
            "letters that no code has",
            on(frame(
                HEADERS,
                END_HEADERS | END_STREAM,
                1,
                &[&[0x00, 0x84, 0xff, 0xff, 0xff, 0xff][..], &head].concat(),
            )),
        ),
        (
            "a text longer than its frame",
            on(frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0x00, 0x7f, 0xff, 0x7f, b'x'])),
        ),
        (
            "padding beyond the frame",
            on(frame(HEADERS, END_HEADERS | END_STREAM | PADDED, 1, &[&[200][..], &head[..50]].concat())),
        ),
        (
            "data that is all padding",
            on([opened.clone(), frame(DATA, PADDED, 1, &[&[255][..], &[0; 255]].concat()).repeat(2_000)].concat()),
        ),
        ("data without content, without end", on([opened.clone(), frame(DATA, 0, 1, &[]).repeat(20_000)].concat())),
        ("data before its request", on(frame(DATA, END_STREAM, 1, BODY))),
        ("data beyond the window", on([opened.clone(), frame(DATA, 0, 1, &[b'x'; 16_000]).repeat(100)].concat())),
        (
            "more than a body may have",
            on([opened.clone(), frame(DATA, 0, 1, &[b' '; 16_000]).repeat(3), frame(DATA, END_STREAM, 1, b"x")]
                .concat()),
        ),
        ("an end that does not come", on(opened.clone())),
        ("a stream of the server", on(request(2, &head, BODY))),
        ("a stream that went before", on([request(5, &post(&[("x", "y")]), b"{}"), request(3, &head, BODY)].concat())),
        ("a stream twice", on([request(1, &head, b"{}"), request(1, &head, b"{}")].concat())),
        ("no stream at all", on(request(0, &head, BODY))),
        ("a stream taken back before it is", on(reset(99))),
        ("a promise by a caller", on(frame(PUSH_PROMISE, END_HEADERS, 1, &[&[0, 0, 0, 2][..], &head].concat()))),
        ("settings of a wrong size", on(frame(SETTINGS, 0, 0, &[0; 5]))),
        ("settings on a stream", on(frame(SETTINGS, 0, 1, &[]))),
        ("a frame size that is none", start(&[(5, 1)])),
        ("a window that is none", start(&[(4, 0xffff_ffff)])),
        (
            "no settings",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".iter().copied().chain(frame(PING, 0, 0, &[0; 8])).collect(),
        ),
        ("two methods", one(&[&POST[..], &[(":method", "GET")]].concat(), b"{}")),
        ("a pseudo-header at the end", one(&[&POST[..4], &[("x", "y"), (":path", "/admin")]].concat(), b"{}")),
        ("no path", one(&[POST[0], POST[1], POST[3]], BODY)),
        ("an empty path", one(&[POST[0], POST[1], (":path", ""), POST[3], POST[4]], BODY)),
        ("a path without a slash", one(&[POST[0], POST[1], (":path", "graphql"), POST[3], POST[4]], BODY)),
        ("a pseudo-header of its own", one(&[&POST[..], &[(":admin", "true")]].concat(), BODY)),
        ("a name in capitals", one(&[&POST[..], &[("X-Admin", "true")]].concat(), BODY)),
        ("a name with a line", one(&[&POST[..], &[("x\r\nx-admin", "true")]].concat(), BODY)),
        ("a value with a line", one(&[&POST[..], &[("x", "y\r\nx-admin: true")]].concat(), BODY)),
        ("a value with a NUL", one(&[&POST[..], &[("x", "y\0z")]].concat(), BODY)),
        ("chunks", one(&[&POST[..], &[("transfer-encoding", "chunked")]].concat(), BODY)),
        ("a connection header", one(&[&POST[..], &[("connection", "x-secret")]].concat(), BODY)),
        ("an upgrade", one(&[&POST[..], &[("upgrade", "websocket")]].concat(), BODY)),
        ("a length that is too small", one(&[&POST[..], &[("content-length", "3")]].concat(), BODY)),
        ("a length that is too large", one(&[&POST[..], &[("content-length", "3000")]].concat(), BODY)),
        ("two lengths", one(&[&POST[..], &[("content-length", "29"), ("content-length", "3")]].concat(), BODY)),
        ("a tunnel", one(&[(":method", "CONNECT"), (":authority", "169.254.169.254:80")], b"GET / HTTP/1.1\r\n\r\n")),
        ("a WebSocket", one(&[(":method", "CONNECT"), (":protocol", "websocket"), POST[1], POST[2], POST[3]], b"")),
        (
            "trailers with a pseudo-header",
            on([
                opened.clone(),
                frame(DATA, 0, 1, b"{}"),
                frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(&[(":path", "/admin")])),
            ]
            .concat()),
        ),
        (
            "trailers that say much",
            on([opened, frame(DATA, 0, 1, b"{}"), frame(HEADERS, END_HEADERS | END_STREAM, 1, &much)].concat()),
        ),
    ];
    (answered, refused)
}
