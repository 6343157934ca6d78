// The local store behind the rest layer on a port, without the front: for comparing its answers with recorded
// ones.
//   local-store-serve FOLDER PORT
// Prints `listening on PORT` and serves until SIGINT or SIGTERM.
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "server/elastic/local/local_store.h"
#include "server/elastic/rest/rest_layer.h"
#include "server/http/server.h"

int main(int argc, char** argv) {
  using namespace sightline;
  if (argc != 3) {
    std::fputs("usage: local-store-serve FOLDER PORT\n", stderr);
    return 2;
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  auto store = elastic::open_local_store(argv[1]);
  if (!store) {
    std::fprintf(stderr, "%s\n", store.error().message.c_str());
    return 1;
  }
  const elastic::rest::RestLayer rest(
      [&store](http::Request&& request) { return (*store)->handle(request); });
  http::Server::Options options;
  options.port = static_cast<std::uint16_t>(std::atoi(argv[2]));
  options.max_body_bytes = std::size_t{100} << 20;
  options.error_response = elastic::rest::error_response;
  auto server = http::Server::start(
      options, [&rest](http::Request&& request, http::Reply reply) { reply.send(rest(std::move(request))); });
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().message.c_str());
    return 1;
  }
  std::printf("listening on %d\n", static_cast<int>((*server)->port()));
  std::fflush(stdout);
  int received = 0;
  sigwait(&signals, &received);
  (*server)->stop();
  return 0;
}
