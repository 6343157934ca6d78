#include "server/http/response_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "base/json/builder.h"

namespace sightline::http {
namespace {

bool is_field_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return c > 0x20 && c < 0x7f &&
           std::string_view("()<>@,;:\\\"/[]?={}").find(static_cast<char>(c)) == std::string_view::npos;
  });
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    out += (byte < 0x20 && c != '\t') || byte == 0x7f ? ' ' : c;
  }
  out += "\r\n";
}

/// RFC 9110 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT". Names spelt out, as strftime's follow the locale.
void append_date(std::string& out) {
  static constexpr const char* k_days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* k_months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 64> text{};
  const int size =
      std::snprintf(text.data(), text.size(), "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", k_days[utc.tm_wday],
                    utc.tm_mday, k_months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
  out.append(text.data(), static_cast<std::size_t>(std::max(size, 0)));
}

bool is_framing(std::string_view name) {
  return is_connection_field(name) || equal_ignoring_case(name, "Content-Length");
}

int sendable(int status) {
  return status >= 200 && status <= 999 ? status : 500;
}

bool is_bodiless(int status) {
  return status == 204 || status == 304;
}

void append_status_line(std::string& out, int status) {
  out += "HTTP/1.1 ";
  out += std::to_string(status);
  out += ' ';
  out += reason_phrase(status);
  out += "\r\n";
}

void append_end(std::string& out, const Framing& framing) {
  if (framing.close) {
    out += "Connection: close\r\n";
  } else if (framing.http_1_0) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
}

}  // namespace

std::string response_text(const Response& response, const Framing& framing) {
  std::string out = response_head_text(response, framing);
  if (has_body_text(response, framing)) out += response.body;
  return out;
}

bool has_body_text(const Response& response, const Framing& framing) {
  return !framing.head_only && !is_bodiless(sendable(response.status));
}

std::string response_head_text(const Response& response, const Framing& framing) {
  const int status = sendable(response.status);
  const bool bodiless = is_bodiless(status);
  std::string out;
  out.reserve(512);
  append_status_line(out, status);
  for (const auto& [name, value] : response.headers.all()) {
    const bool ours =
        is_framing(name) || equal_ignoring_case(name, "Content-Type") || equal_ignoring_case(name, "Date");
    if (!ours && is_field_name(name)) append_field(out, name, value);
  }
  if (!bodiless && !response.content_type.empty()) append_field(out, "Content-Type", response.content_type);
  if (!bodiless) {
    const auto announced = response.headers.get("Content-Length");
    const bool of_get = framing.head_only && response.body.empty() && announced && !announced->empty() &&
                        std::all_of(announced->begin(), announced->end(), [](char c) { return c >= '0' && c <= '9'; });
    append_field(out, "Content-Length", of_get ? std::string(*announced) : std::to_string(response.body.size()));
  }
  append_date(out);
  append_end(out, framing);
  return out;
}

BodyFraming body_framing(const ResponseHead& head, const Framing& framing) {
  if (framing.head_only || is_bodiless(sendable(head.status))) return BodyFraming::none;
  if (head.content_length) return BodyFraming::by_length;
  return framing.http_1_0 ? BodyFraming::until_close : BodyFraming::chunked;
}

std::string head_text(const ResponseHead& head, BodyFraming body, const Framing& framing) {
  const int status = sendable(head.status);
  std::string out;
  append_status_line(out, status);
  for (const auto& [name, value] : head.headers.all()) {
    if (!is_framing(name) && is_field_name(name)) append_field(out, name, value);
  }
  if (body == BodyFraming::chunked) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (head.content_length && !is_bodiless(status)) {
    append_field(out, "Content-Length", std::to_string(*head.content_length));
  }
  if (!head.headers.get("Date")) append_date(out);
  append_end(out, framing);
  return out;
}

const char* reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "";
  }
}

Response plain_error_response(int status, const std::string& message) {
  Response response;
  response.status = status;
  response.body = json::Builder().object().object("error").member("message", message).member("code", status).text();
  return response;
}

}  // namespace sightline::http
