#include "server/security/address_guard.h"

#include <arpa/inet.h>
#include <cstring>
#include <doctest/doctest.h>
#include <sys/socket.h>

namespace sightline::security {
namespace {

bool allows(const AddressGuard& guard, const std::string& address, std::uint16_t port = 80) {
  sockaddr_storage storage{};
  if (address.find(':') == std::string::npos) {
    auto& ipv4 = reinterpret_cast<sockaddr_in&>(storage);
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(port);
    REQUIRE(::inet_pton(AF_INET, address.c_str(), &ipv4.sin_addr) == 1);
  } else {
    auto& ipv6 = reinterpret_cast<sockaddr_in6&>(storage);
    ipv6.sin6_family = AF_INET6;
    ipv6.sin6_port = htons(port);
    REQUIRE(::inet_pton(AF_INET6, address.c_str(), &ipv6.sin6_addr) == 1);
  }
  return guard.allows(reinterpret_cast<const sockaddr&>(storage));
}

AddressGuard guard(const std::vector<std::string>& allowed = {}, std::uint16_t own_port = 0) {
  auto made = AddressGuard::create(allowed, own_port);
  REQUIRE_MESSAGE(made.ok(), (made.ok() ? "" : made.error().message));
  return *made;
}

TEST_CASE("addresses that are not public are refused, however IPv4 is written within IPv6") {
  const AddressGuard strict = guard();
  for (const char* address : {"127.0.0.1",
                              "127.255.255.254",
                              "0.0.0.0",
                              "0.1.2.3",
                              "10.0.0.1",
                              "10.255.255.255",
                              "100.64.0.1",
                              "100.127.255.255",
                              "169.254.169.254",
                              "169.254.0.1",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.0.0.1",
                              "192.0.2.7",
                              "192.88.99.1",
                              "192.168.0.1",
                              "192.168.255.255",
                              "198.18.0.1",
                              "198.19.255.255",
                              "198.51.100.1",
                              "203.0.113.9",
                              "224.0.0.1",
                              "239.255.255.255",
                              "240.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "::127.0.0.1",
                              "::ffff:127.0.0.1",
                              "::ffff:10.0.0.1",
                              "::ffff:169.254.169.254",
                              "::ffff:0:127.0.0.1",
                              "64:ff9b::7f00:1",
                              "64:ff9b::10.0.0.1",
                              "64:ff9b:1::1",
                              "100::1",
                              "2001::1",
                              "2001:db8::1",
                              "2002:7f00:1::",
                              "2002:a00:1::1",
                              "2002:c0a8:101::",
                              "3fff::1",
                              "fc00::1",
                              "fd00:ec2::254",
                              "fe80::1",
                              "fec0::1",
                              "ff02::1",
                              "4000::1",
                              "::8.8.8.8"}) {
    CAPTURE(address);
    CHECK_FALSE(allows(strict, address));
  }
}

TEST_CASE("public addresses are allowed, and those beside special ranges") {
  const AddressGuard strict = guard();
  for (const char* address : {"1.1.1.1",         "8.8.8.8",
                              "9.255.255.255",   "11.0.0.0",
                              "100.63.255.255",  "100.128.0.0",
                              "126.255.255.255", "128.0.0.1",
                              "169.253.255.255", "169.255.0.0",
                              "172.15.255.255",  "172.32.0.0",
                              "192.0.1.0",       "192.167.255.255",
                              "192.169.0.0",     "198.17.255.255",
                              "198.20.0.0",      "223.255.255.255",
                              "::ffff:8.8.8.8",  "64:ff9b::8.8.8.8",
                              "2002:808:808::1", "2001:4860:4860::8888",
                              "2606:4700::1111", "2a00::1"}) {
    CAPTURE(address);
    CHECK(allows(strict, address));
  }
}

TEST_CASE("the operator's list opens addresses, networks and single ports") {
  const AddressGuard some =
      guard({"10.1.0.0/16", "192.168.1.7:8080", "127.0.0.1", "fd00::/8", "[::1]:9000", "[fe80::]/10:80"});
  CHECK(allows(some, "10.1.255.255"));
  CHECK(allows(some, "::ffff:10.1.0.1"));
  CHECK_FALSE(allows(some, "10.2.0.0"));
  CHECK(allows(some, "192.168.1.7", 8080));
  CHECK_FALSE(allows(some, "192.168.1.7", 8081));
  CHECK_FALSE(allows(some, "192.168.1.8", 8080));
  CHECK(allows(some, "127.0.0.1", 1));
  CHECK_FALSE(allows(some, "127.0.0.2", 1));
  CHECK(allows(some, "fd12::1"));
  CHECK_FALSE(allows(some, "fc12::1"));
  CHECK(allows(some, "::1", 9000));
  CHECK_FALSE(allows(some, "::1", 9001));
  CHECK(allows(guard({"*"}), "169.254.169.254"));
}

TEST_CASE("the server's own port is open at this machine's addresses only") {
  const AddressGuard own = guard({}, 8080);
  for (const char* address : {"127.0.0.1", "127.0.0.2", "::1", "::ffff:127.0.0.1"}) {
    CHECK(allows(own, address, 8080));
    CHECK_FALSE(allows(own, address, 8081));
  }
  CHECK_FALSE(allows(own, "10.77.66.55", 8080));
  CHECK_FALSE(allows(guard({}, 0), "127.0.0.1", 0));
}

TEST_CASE("what is no address in the list is an error that names it") {
  for (const char* wrong : {"", "localhost", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.1:", "10.0.0.1:0",
                            "10.0.0.1:99999", "fd00::/129", "[::1", "[::1]x", "::g", "0x7f.1", "10.0.0.1/8/8"}) {
    CAPTURE(wrong);
    const auto made = AddressGuard::create({wrong}, 0);
    REQUIRE_FALSE(made.ok());
    CHECK(made.error().message.find("[" + std::string(wrong) + "] is no address or network") == 0);
  }
}

}  // namespace
}  // namespace sightline::security
