// A request is made by a connection only, so here is a real one: a client on the loopback
// interface, which writes before the server's loop turns.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <brigade/http/server.hpp>

#include <array>
#include <cerrno>
#include <charconv>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/root.hpp"

namespace brigade::http {
namespace {

using testing_support::Root;

std::uint16_t port_at_end(const std::string& address) {
  std::uint16_t port = 0;
  const std::size_t colon = address.rfind(':');
  std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  return port;
}

class RequestTest : public testing::Test {
 protected:
  /// Sends a request to a server with one route, and returns its answer: "200 body".
  std::string ask(const std::string& pattern, Handler handler, const std::string& request) {
    Loop loop;
    Server server(options);
    server.get(pattern, std::move(handler));
    server.listen({.host = "127.0.0.1", .port = 0}, listen_options);
    Root root(server.serve());
    root.start();
    std::string answer = exchange(loop, port_at_end(server.addresses().at(0)), request);
    server.close();
    while (!root.done()) loop.turn(true);
    if (answer.empty()) return "closed";
    return answer.substr(9, 3) + ' ' + answer.substr(answer.find("\r\n\r\n") + 4);
  }
  /// GET of `target`, answered by what `show` makes of the request.
  std::string get(const std::string& pattern, const std::string& target,
                  const std::function<std::string(Request&)>& show) {
    return ask(
        pattern, [show](Request& request) { return text(show(request)); },
        "GET " + target + " HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
  }

  ServerOptions options;
  ListenOptions listen_options;
  std::string client_address;

 private:
  std::string exchange(Loop& loop, std::uint16_t port, const std::string& request) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    sockaddr_in own{};
    socklen_t size = sizeof own;
    ::getsockname(client.get(), reinterpret_cast<sockaddr*>(&own), &size);
    client_address = "127.0.0.1:" + std::to_string(ntohs(own.sin_port));
    EXPECT_EQ(::send(client.get(), request.data(), request.size(), 0),
              static_cast<ssize_t>(request.size()));
    std::string answer;
    std::array<char, 4096> part;
    while (true) {
      const ssize_t got = ::recv(client.get(), part.data(), part.size(), MSG_DONTWAIT);
      if (got > 0) answer.append(part.data(), static_cast<std::size_t>(got));
      if (got == 0 || (got < 0 && errno != EAGAIN)) return answer;
      if (got < 0) loop.turn(true);
    }
  }
};

TEST_F(RequestTest, ShowsItsHeadAsItWasSent) {
  EXPECT_EQ(get("/a/:b", "/a/%41?x=%42",
                [](Request& request) {
                  return std::string(request.method_name()) + ' ' + std::string(request.target()) +
                         ' ' + std::string(request.path()) + ' ' + std::string(request.host()) +
                         ' ' + std::string(request.route());
                }),
            "200 GET /a/%41?x=%42 /a/%41 here /a/:b");
}

TEST_F(RequestTest, FindsAFieldInWhateverCase) {
  const auto show = [](Request& request) {
    const bool none = !request.header("X-Other");
    return text(std::string(*request.header("x-one")) + (none ? " none" : " some"));
  };
  EXPECT_EQ(ask("/", show,
                "GET / HTTP/1.1\r\nHost: here\r\nX-One: first\r\nX-ONE: second\r\n"
                "Connection: close\r\n\r\n"),
            "200 first none");
}

TEST_F(RequestTest, DecodesAParameter) {
  EXPECT_EQ(get("/users/:name", "/users/caf%C3%A9%2Fa+b",
                [](Request& request) { return request.param("name"); }),
            "200 caf\xc3\xa9/a+b");
}

TEST_F(RequestTest, TakesTheRestOfThePathForAParameter) {
  EXPECT_EQ(get("/files/*path", "/files/a/b%20c.txt",
                [](Request& request) { return request.param("path"); }),
            "200 a/b c.txt");
}

TEST_F(RequestTest, RefusesABadEscapeInAParameter) {
  const std::string answer =
      get("/users/:name", "/users/%zz", [](Request& request) { return request.param("name"); });
  EXPECT_TRUE(answer.starts_with("400 ")) << answer;
}

TEST_F(RequestTest, HasNoParameterThatThePatternDoesNotName) {
  EXPECT_EQ(get("/users/:name", "/users/7",
                [](Request& request) -> std::string {
                  try {
                    return request.param("id");
                  } catch (const std::logic_error& fault) {
                    return fault.what();
                  }
                }),
            "200 the route \"/users/:name\" has no parameter \"id\"");
}

TEST_F(RequestTest, ReadsAParameterAsAnInteger) {
  const auto show = [](Request& request) { return std::to_string(request.int_param("id")); };
  EXPECT_EQ(get("/:id", "/42", show), "200 42");
  EXPECT_EQ(get("/:id", "/-7", show), "200 -7");
  EXPECT_EQ(get("/:id", "/%34%32", show), "200 42");
  EXPECT_EQ(get("/:id", "/9223372036854775807", show), "200 9223372036854775807");
}

TEST_F(RequestTest, FindsNothingWhereAParameterIsNoInteger) {
  const auto show = [](Request& request) { return std::to_string(request.int_param("id")); };
  for (const char* target : {"/x", "/4x", "/+4", "/4.0", "/%204", "/9223372036854775808"}) {
    EXPECT_EQ(get("/:id", target, show), R"(404 {"error":"not found"})") << target;
  }
}

TEST_F(RequestTest, ParsesItsQuery) {
  EXPECT_EQ(get("/", "/?a=1&b=x+y&a=2",
                [](Request& request) {
                  const QueryParams& query = request.query();
                  return std::string(*query.get("b")) + ' ' + std::to_string(query.size());
                }),
            "200 x y 3");
}

TEST_F(RequestTest, HasAnEmptyQueryWithoutOne) {
  EXPECT_EQ(get("/", "/", [](Request& request) { return std::to_string(request.query().size()); }),
            "200 0");
}

TEST_F(RequestTest, ParsesItsQueryOnce) {
  EXPECT_EQ(get("/", "/?a=1",
                [](Request& request) {
                  return std::string(&request.query() == &request.query() ? "same" : "other");
                }),
            "200 same");
}

std::string too_many_parameters() {
  std::string target = "/?";
  for (std::size_t i = 0; i <= QueryParams::max_pairs; ++i) target += "a&";
  return target;
}

TEST_F(RequestTest, RefusesAQueryThatCannotBeParsed) {
  const auto show = [](Request& request) { return std::to_string(request.query().size()); };
  EXPECT_EQ(get("/", too_many_parameters(), show), R"(400 {"error":"more than 1000 parameters"})");
}

TEST_F(RequestTest, DoesNotMindABadQueryThatNobodyLooksAt) {
  EXPECT_EQ(get("/", too_many_parameters(), [](Request&) { return "fine"; }), "200 fine");
}

TEST_F(RequestTest, KnowsItsClientsAddress) {
  const std::string answer =
      get("/", "/", [](Request& request) { return request.remote_address(); });
  EXPECT_EQ(answer, "200 " + client_address);
}

TEST_F(RequestTest, GivesItsWholeBodyToWhoAwaitsIt) {
  const auto show = [](Request& request) -> Task<Response> {
    std::string body = co_await request.body();
    co_return text("<" + body + ">");
  };
  EXPECT_EQ(
      ask("/", show,
          "GET / HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"),
      "200 <hello>");
  EXPECT_EQ(
      ask("/", show,
          "GET / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
          "\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"),
      "200 <hello>");
}

TEST_F(RequestTest, CountsUp) {
  std::vector<std::uint64_t> ids;
  const auto note = [&ids](Request& request) {
    ids.push_back(request.id());
    return text("");
  };
  ask("/", note,
      "GET / HTTP/1.1\r\nHost: here\r\n\r\nGET / HTTP/1.1\r\nHost: here\r\nConnection: "
      "close\r\n\r\n");
  ASSERT_EQ(ids.size(), 2U);
  EXPECT_EQ(ids[1], ids[0] + 1);
}

const auto show_origin = [](Request& request) {
  return text(request.remote_address() + ' ' + std::string(request.scheme()) + ' ' +
              std::string(request.host()));
};

TEST_F(RequestTest, HasThePeersOriginWithoutProxies) {
  const std::string answer = ask("/", show_origin,
                                 "GET / HTTP/1.1\r\nHost: here\r\nX-Forwarded-For: 192.0.2.7\r\n"
                                 "X-Forwarded-Proto: https\r\nX-Forwarded-Host: there\r\n"
                                 "Connection: close\r\n\r\n");
  EXPECT_EQ(answer, "200 " + client_address + " http here");
}

TEST_F(RequestTest, HasTheOriginThatATrustedProxyTells) {
  options.trusted_proxies = {.addresses = {"127.0.0.0/8"}, .host = true};
  EXPECT_EQ(ask("/", show_origin,
                "GET / HTTP/1.1\r\nHost: here\r\nX-Forwarded-For: 192.0.2.7\r\n"
                "X-Forwarded-Proto: https\r\nX-Forwarded-Host: there\r\n"
                "Connection: close\r\n\r\n"),
            "200 192.0.2.7 https there");
}

TEST_F(RequestTest, KeepsItsOwnHostWhenAProxysWordOnItDoesNotCount) {
  options.trusted_proxies = {.addresses = {"127.0.0.1"}};
  EXPECT_EQ(ask("/", show_origin,
                "GET / HTTP/1.1\r\nHost: here\r\nX-Forwarded-For: 192.0.2.7\r\n"
                "X-Forwarded-Host: there\r\nConnection: close\r\n\r\n"),
            "200 192.0.2.7 http here");
}

TEST_F(RequestTest, HasTheAddressOfAProxyHeader) {
  listen_options = {.proxy_protocol = true, .proxies = {"127.0.0.1"}};
  EXPECT_EQ(ask("/", show_origin,
                "PROXY TCP4 192.0.2.7 10.0.0.1 51324 80\r\n"
                "GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"),
            "200 192.0.2.7:51324 http here");
}

TEST_F(RequestTest, IsNotServedWithoutTheProxyHeaderThatIsDue) {
  listen_options = {.proxy_protocol = true, .proxies = {"127.0.0.1"}};
  EXPECT_EQ(ask("/", show_origin, "GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"),
            "closed");
}

TEST_F(RequestTest, IsNotServedWhenAStrangerSendsTheProxyHeader) {
  listen_options = {.proxy_protocol = true, .proxies = {"10.0.0.0/8"}};
  EXPECT_EQ(ask("/", show_origin,
                "PROXY TCP4 192.0.2.7 10.0.0.1 51324 80\r\n"
                "GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"),
            "closed");
}

TEST(ListenOptions, NeedToNameTheProxiesThatAreBelieved) {
  Server server;
  EXPECT_THROW(server.listen({.port = 0}, {.proxy_protocol = true}), std::invalid_argument);
}

}  // namespace
}  // namespace brigade::http
