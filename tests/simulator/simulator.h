// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// A stand-in for the API, for tests, benchmarks and the tour: a real HTTPS server on loopback that keeps bounce lists,
// answers as SendGrid's v2 and v3 do, misbehaves when it is told to, and records what it was asked.
//
//   Simulator api;                                      // listens; https, made-up authority, any free port
//   api.add("a@example.com", {.email = "x@example.org", .status = "5.1.1", .reason = "550 5.1.1 no such user",
//                             .created = "2024-05-06 07:08:09"});
//   api.answer({.customer = "a@example.com"}, {.cut = 20, .ending = Ending::broken_off});   // the next call only
//   … the program under test: base_url = api.base_url(), ca_file = api.ca_file() …
//   ASSERT_TRUE(api.wait_for_calls(1));
//
// It stands on the other side of the wire: it shares no code with the product. Every function may be called from every
// thread at any time.
namespace bounced::simulator {

// ---- lists ----

// One entry of a list, as bytes: what is not valid UTF-8 goes out as it is. A field that is nullopt is not sent.
struct Bounce {
  std::optional<std::string> email = std::nullopt;
  std::optional<std::string> status = "550";
  std::optional<std::string> reason = "550 no such user";
  std::optional<std::string> created = "2024-01-02 03:04:05";  // sent only to a call with date=1

  bool operator==(const Bounce&) const = default;
};

// How a customer's list is written. A generated list takes the first four from its seed.
struct Style {
  bool escape_unicode = false;  // JSON: \u00fc instead of the bytes
  bool xml_declaration = true;  // <?xml version="1.0" encoding="ISO-8859-1"?>, though the bytes are UTF-8
  bool xml_empty_tag = false;   // an empty list is <bounces/>
  bool email_first = false;     // JSON: the order of the keys
  bool wrap = false;            // XML: texts are wrapped over lines, and stand on lines of their own
  bool v3_spacing = false;      // v3: each blank of a reason comes twice, and one stands before and behind it
};

// ---- answers that are not the usual one ----

enum class Task {
  list,
  remove,
  subusers
};  // task=get and task=delete; in v3, GET and DELETE of bounces, GET of subusers

// Which calls are meant: all, or those of one customer, or for one task, or both.
struct Calls {
  std::optional<std::string> customer = std::nullopt;
  std::optional<Task> task = std::nullopt;
};

enum class Framing { length, chunked, until_close };

enum class Ending {
  honest,      // as if the body ended where it was cut: its length, or its last chunk, says so
  broken_off,  // more was promised (a length, a last chunk), and the connection ends with TLS's close and FIN
  cut_off,     // the same without TLS's close: only FIN
  reset,       // the same with RST
};

enum class Gzip { if_accepted, never, always, cut_short, wrong_checksum };  // the last two always compress

// What is sent for ever, a piece every drip_every, until the client leaves, or until release(), which resets it.
enum class Endless {
  nothing,
  interim_heads,    // 102 Processing, again and again, before any answer
  header,           // a header line that does not end
  chunk_extension,  // a chunk whose size has come, and whose line does not end
  trailers,         // after the last chunk of a whole body
};

// How to answer a call. What is not said is as usual.
struct Answer {
  std::optional<int> status = std::nullopt;
  std::optional<std::string> body = std::nullopt;  // instead of the list or the message; a delete then deletes nothing
  std::optional<std::string> content_type = std::nullopt;         // "": none is sent
  std::vector<std::pair<std::string, std::string>> headers = {};  // besides the usual

  std::optional<Framing> framing = std::nullopt;  // a list is usually chunked, what is short has its length
  std::size_t chunk = 16 * 1024;                  // bytes in each chunk, from 1
  std::optional<Gzip> gzip = std::nullopt;

  // Bytes of the body that are sent before it ends: of the document before gzip, or of the body as it goes over the
  // wire. Where an ending that is not honest has no cut, the whole body is sent, and one byte more (or a last chunk)
  // is promised.
  std::optional<std::uint64_t> cut_document = std::nullopt;
  std::optional<std::uint64_t> cut = std::nullopt;
  Ending ending = Ending::honest;

  bool hold_head = false;                               // silence before the first byte until release()
  std::optional<std::uint64_t> hold_at = std::nullopt;  // silence after so many bytes of the body, until release()
  std::size_t drip_bytes = 0;                           // a slow body: so many bytes …
  std::chrono::milliseconds drip_every{10};             // … at a time
  bool drip_head = false;                               // and of the head too
  Endless endless = Endless::nothing;
  // RST instead of any answer. A delete without a body here is done all the same.
  bool reset_request = false;
  // Bytes behind the answer that nobody asked for, another answer perhaps: with its last bytes, or by themselves.
  std::string stray = {};
  bool stray_apart = true;
  bool close_after = false;  // close the connection after the answer, although its headers promise to keep it
};

// ---- what was asked ----

struct Call {
  std::uint64_t number = 0;  // from 1
  std::chrono::system_clock::time_point time;
  std::uint64_t connection = 0;  // from 1
  std::string tls;               // "TLSv1.3", or "" over HTTP
  std::string method;            // GET, POST, …
  std::string path;              // as it came, percent-encoded
  std::string format;            // "json" or "xml", or "" elsewhere than at v2's own address
  std::vector<std::pair<std::string, std::string>> parameters;  // of the query and v2's form, decoded
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;         // as it came; the record keeps the first 64 KiB
  bool in_query = false;    // parameters came in the query, which logs would show
  std::string v3_customer;  // v3: the one on whose behalf it is, or the own customer of the key's owner

  // Set when the answer has ended.
  std::optional<std::chrono::system_clock::time_point> ended = std::nullopt;
  int status = 0;
  std::uint64_t body_bytes = 0;  // of the answer's body, as they went over the wire, without framing
  bool answered = false;         // the answer, such as it was meant, was sent to its end

  // "" where there is none.
  [[nodiscard]] std::string parameter(std::string_view name) const;
  [[nodiscard]] bool has_parameter(std::string_view name) const;
  [[nodiscard]] std::string header(std::string_view name) const;  // in any case
  [[nodiscard]] bool is_v3() const { return path.starts_with("/v3/"); }
  [[nodiscard]] std::string customer() const { return is_v3() ? v3_customer : parameter("user"); }
  // "get" and "delete" by v3 too, where "subusers" is another.
  [[nodiscard]] std::string task() const;
};

struct Counters {
  std::uint64_t connections = 0;  // that were accepted and, over TLS, shook hands
  std::uint64_t failed_handshakes = 0;
  std::uint64_t calls = 0;       // that have arrived
  std::uint64_t answered = 0;    // of those, sent to their end
  std::uint64_t ended = 0;       // of those, over in one way or the other
  std::uint64_t open = 0;        // connections
  std::uint64_t held = 0;        // answers that wait for release(), all before it sent
  std::uint64_t body_bytes = 0;  // sent, of answers' bodies; grows while a body is sent
  std::uint64_t refused_v3 = 0;  // answers 429 of limit_v3()
};

// ---- the server ----

enum class Tls {
  good,
  only_1_1,            // and nothing newer
  no_forward_secrecy,  // 1.2, where whoever gets the certificate's key can read what was recorded before
};

enum class Certificate {
  good,        // for localhost, 127.0.0.1 and ::1, signed by the authority in ca_file()
  other_host,  // for another name
  expired,
  unknown_authority,
  self_signed,
};

enum class Days { honour, ignore, refuse };  // what becomes of days=, start_date= and end_date=

// What v3's header Link says of a list's pages.
enum class PageLinks {
  as_documented,  // next, prev, last and first, always
  next_only,      // next, where there is one
  of_full_pages,  // last, counted in pages of 500, however many entries a page has
  next_always,    // also on the last page
  none,           // there is no such header
};

// How v3 lists bounces: as documented, newest first and page by page, or not.
struct V3Behaviour {
  std::uint64_t page_cap = 500;  // a page has no more entries, whatever limit= says; of subusers too
  bool ignore_limit = false;     // a page has the whole list
  bool ignore_offset = false;
  bool ignore_subuser = false;  // as where the header On-Behalf-Of is dropped: the list is the account's own
  bool exclusive_end = false;   // end_time= is the first second that is not meant
  bool unsorted_ties = false;   // entries of the same second come in another order at every call
  bool oldest_first = false;
  bool ignore_times = false;  // of start_time= and end_time=
  PageLinks links = PageLinks::as_documented;
  std::string created = {};  // written instead of each entry's own; "none": there is none
};

struct Options {
  std::uint16_t port = 0;  // 0: any free one
  bool tls = true;
  std::string user = "user";
  std::string key = "secret-key-of-tests";
  std::string time_zone = "America/Los_Angeles";  // in which days= counts and created is; v3 knows this one and UTC
  std::size_t keep_calls = 1'000'000;             // older calls are forgotten, only counted
};

class Simulator {
 public:
  // Listens on 127.0.0.1. Throws std::system_error if it cannot.
  explicit Simulator(Options options = {});
  ~Simulator();
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::string base_url() const;  // https://localhost:PORT
  // The authority's certificate, in a folder that ends with the simulator. Over HTTP too.
  [[nodiscard]] std::string ca_file() const;

  // The API goes away: every connection is reset, further ones are refused. Lists, answers and records stay.
  void stop();
  // And comes back, on the same port.
  void start();

  // ---- for connections from now on ----
  void use_certificate(Certificate certificate);
  void use_tls(Tls tls);
  void reset_connections(std::uint64_t count);  // RST to the next ones, before anything is read
  // Closes the connections that wait for a next request, and those that are in a call as soon as it is answered.
  void close_idle();

  // ---- accounts ----
  void add_account(std::string user, std::string key);
  void remove_account(const std::string& user);
  // In v3, a call with this user's key that names no customer is about this one, who is no subuser.
  void set_own_customer(std::string user, std::string customer);
  void set_disabled(const std::string& customer, bool disabled);  // as v3's list of subusers says

  // ---- lists. A customer exists from the first call that names it; others are "not authorized" ----
  void add_customer(const std::string& customer);
  void remove_customer(const std::string& customer);
  [[nodiscard]] std::vector<std::string> customers() const;
  void add(const std::string& customer, Bounce bounce);
  void set(const std::string& customer, std::vector<Bounce> bounces);
  // A list of count bounces that is made anew from the seed at every call and takes no memory. The same seed gives the
  // same list everywhere and always; a smaller count gives the beginning of it. Its times are of 2021 to 2024, one
  // address in fifty is listed twice. Replaces what was there; what is added, removed and changed later lies over it.
  void generate(const std::string& customer, std::uint64_t seed, std::uint64_t count);
  void clear(const std::string& customer);
  // Has it ready in gzip as it is now, until it is packed again.
  void pack(const std::string& customer);
  void set_style(const std::string& customer, Style style);
  // All entries of an address; how many they were.
  std::uint64_t remove(const std::string& customer, std::string_view email);
  // By place: generated bounces come first, then added ones. Places of generated bounces do not move when others are
  // removed. False (or nullopt) where there is none any more.
  bool remove_at(const std::string& customer, std::uint64_t place);
  bool change_reason(const std::string& customer, std::uint64_t place, std::string reason);
  [[nodiscard]] std::optional<Bounce> at(const std::string& customer, std::uint64_t place) const;
  [[nodiscard]] std::uint64_t size(const std::string& customer) const;
  // Further bounces, dated now, of count addresses that are nobody else's; and the removal of the first count that are
  // still there.
  void add_some(const std::string& customer, std::uint64_t count);
  std::uint64_t remove_some(const std::string& customer, std::uint64_t count);

  // A call sees the list as it was when the call arrived, however long its answer takes.

  // ---- behaviour ----
  // Answers the next `times` of these calls like this; 0: all, until clear_answers(). What was asked for first comes
  // first.
  void answer(Calls calls, Answer answer, std::uint64_t times = 1);
  void clear_answers();
  // Asked about every call that has arrived, on the connection's thread, before the answers above and before the list
  // is looked at; it may change lists, and wait. An answer that it returns is given.
  void set_hook(std::function<std::optional<Answer>(const Call&)> hook);
  void set_days(Days days);
  void set_v3(V3Behaviour behaviour);
  // So many v3 calls with each key in each window of time, from now on; 0: any number.
  void limit_v3(std::uint64_t requests, std::chrono::seconds per);
  void set_framing(std::optional<Framing> framing, std::size_t chunk = 16 * 1024);  // of all answers that say none
  void set_gzip(Gzip gzip);                                                         // likewise
  // Lets every answer go on that is held now, ends the dripping of the others, and breaks endless ones off.
  void release();

  // ---- records ----
  [[nodiscard]] std::vector<Call> calls() const;
  void forget_calls();  // and sets the counters to 0, except `open` and `held`
  [[nodiscard]] Counters counters() const;
  // Waits until the counters are as wanted; false after the limit, which is only there so that a test that fails ends.
  bool wait_for(const std::function<bool(const Counters&)>& wanted,
                std::chrono::milliseconds limit = std::chrono::seconds(60)) const;
  bool wait_for_calls(std::uint64_t count, std::chrono::milliseconds limit = std::chrono::seconds(60)) const;
  bool wait_for_held(std::uint64_t count, std::chrono::milliseconds limit = std::chrono::seconds(60)) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bounced::simulator
