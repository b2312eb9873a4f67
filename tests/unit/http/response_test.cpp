#include <gtest/gtest.h>

#include "http/response_writer.hpp"
#include <brigade/http/response.hpp>

#include <stdexcept>
#include <string>
#include <string_view>

namespace brigade::http {
namespace {

TEST(Response, PutsASetFieldInPlaceOfTheOldOne) {
  Response response = json_text("{}");
  response.set("X-A", "1").set("X-B", "2").set("x-a", "3").set("Content-Type", "text/x");
  detail::OutBuffer out;
  std::string large;
  ResponseWriter::write(response, {}, date_line(0), out, large);
  const std::string_view head(out.data(), out.size());
  EXPECT_EQ(head.find("X-A: 1"), std::string_view::npos);
  EXPECT_NE(head.find("x-a: 3"), std::string_view::npos);
  EXPECT_EQ(head.find("application/json"), std::string_view::npos);
  EXPECT_NE(head.find("Content-Type: text/x"), std::string_view::npos);
}

TEST(Response, RemovesEveryFieldOfAName) {
  Response response;
  response.add("Set-Cookie", "a=1").add("X", "y").add("Set-Cookie", "b=2").remove("set-cookie");
  EXPECT_FALSE(response.has("Set-Cookie"));
  EXPECT_TRUE(response.has("X"));
}

TEST(Response, RefusesAStatusThatEndsNoRequest) {
  for (const int status : {-1, 0, 99, 100, 101, 199, 600, 1000}) {
    EXPECT_THROW(Response{status}, std::invalid_argument) << status;
    EXPECT_THROW(Response().status(status), std::invalid_argument) << status;
  }
}

TEST(Response, HasWhatWasSetInWhateverCase) {
  Response response;
  response.set("X-Served-By", "brigade").set("ETag", "\"1\"");
  EXPECT_TRUE(response.has("x-served-by"));
  EXPECT_TRUE(response.has("ETAG"));
  EXPECT_FALSE(response.has("X-Served"));
  EXPECT_FALSE(response.has("brigade"));
}

TEST(Response, HasNothingAtFirst) {
  EXPECT_FALSE(Response().has("Content-Type"));
  EXPECT_FALSE(Response().has(""));
}

TEST(Response, HasTheContentTypeOfItsKind) {
  EXPECT_TRUE(text("x").has("content-type"));
  EXPECT_TRUE(html("x").has("content-type"));
  EXPECT_TRUE(json_text("{}").has("content-type"));
  EXPECT_TRUE(Response::ok("x", "image/png").has("content-type"));
  EXPECT_FALSE(empty().has("content-type"));
}

TEST(Response, RefusesControlCharactersInAValue) {
  for (int byte = 0; byte < 256; ++byte) {
    const bool control = (byte < 0x20 && byte != '\t') || byte == 0x7f;
    const std::string value = std::string("a") + static_cast<char>(byte) + "b";
    Response response;
    if (control) {
      EXPECT_THROW(response.set("X", value), std::invalid_argument) << byte;
      EXPECT_FALSE(response.has("X")) << byte;
    } else {
      EXPECT_NO_THROW(response.set("X", value)) << byte;
    }
  }
}

TEST(Response, RefusesToBeSplit) {
  Response response;
  EXPECT_THROW(response.set("Location", "/a\r\nSet-Cookie: b=c"), std::invalid_argument);
  EXPECT_THROW(response.set("Location", "/a\n\n<html>"), std::invalid_argument);
  EXPECT_THROW(redirect("/a\r\nX: y"), std::invalid_argument);
  EXPECT_THROW(Response::ok("", "text/plain\r\nX: y"), std::invalid_argument);
}

TEST(Response, RefusesANameThatIsNoToken) {
  for (std::string_view name : {"", " ", "a b", "a:", "a\r\n", "caf\xc3\xa9", "a/b", "(a)"}) {
    EXPECT_THROW(Response().set(name, "x"), std::invalid_argument) << name;
  }
  EXPECT_THROW(Response().set(std::string_view("a\0", 2), "x"), std::invalid_argument);
}

TEST(Response, TakesEveryCharacterOfATokenInAName) {
  EXPECT_NO_THROW(Response().set("!#$%&'*+-.^_`|~09azAZ", "x"));
}

TEST(Response, TakesAnEmptyValue) {
  EXPECT_TRUE(Response().set("X", "").has("X"));
}

TEST(Response, RefusesTheFieldsThatTheServerWrites) {
  for (const char* name : {"Content-Length", "content-length", "Transfer-Encoding",
                           "TRANSFER-ENCODING", "Connection", "connection", "Date"}) {
    EXPECT_THROW(Response().set(name, "1"), std::invalid_argument) << name;
  }
}

TEST(Response, NamesTheFieldThatItRefuses) {
  try {
    Response().set("X-Note", "a\nb");
    FAIL();
  } catch (const std::invalid_argument& refusal) {
    EXPECT_STREQ(refusal.what(), "the value of X-Note has a control character in it");
  }
}

TEST(Response, ChangesItsStatusAndBody) {
  EXPECT_EQ(text("x").status(), 200);
  EXPECT_EQ(text("x").status(418).status(), 418);
  EXPECT_EQ(text("x").body("y").body(), "y");
  EXPECT_EQ(empty().status(), 204);
  EXPECT_EQ(redirect("/").status(), 303);
  EXPECT_TRUE(redirect("/").has("Location"));
}

TEST(Response, OfAnErrorIsJson) {
  const Response response = error(404, "no \"user\" 7\n");
  EXPECT_EQ(response.status(), 404);
  EXPECT_EQ(response.body(), R"({"error":"no \"user\" 7\n"})");
}

TEST(ReasonPhrase, IsTheRegisteredOne) {
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(413), "Content Too Large");
  EXPECT_EQ(reason_phrase(422), "Unprocessable Content");
  EXPECT_EQ(reason_phrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(reason_phrase(505), "HTTP Version Not Supported");
}

TEST(ReasonPhrase, IsEmptyForACodeThatHasNone) {
  for (const int status : {0, -1, 199, 306, 418, 599, 1000}) EXPECT_EQ(reason_phrase(status), "");
}

}  // namespace
}  // namespace brigade::http
