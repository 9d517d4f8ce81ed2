package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// client asks one server, and stops the test where there is no answer.
type client struct {
	t   *testing.T
	url string
}

type answer struct {
	status int
	header http.Header
	body   string
}

func newClient(t *testing.T) client {
	handler, err := newServer("127.0.0.1:1", "b", "versions")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return client{t, server.URL}
}

// ask sends a request; headers are name and value by turns.
func (c client) ask(method, path, body string, headers ...string) answer {
	c.t.Helper()
	request, err := http.NewRequest(method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

// must is ask whose answer has this status and contains this text.
func (c client) must(status int, part, method, path, body string, headers ...string) answer {
	c.t.Helper()
	got := c.ask(method, path, body, headers...)
	if got.status != status || !strings.Contains(got.body, part) {
		c.t.Fatalf("%s %s: %d %q, wanted %d and %q", method, path, got.status, got.body, status, part)
	}
	return got
}

func (c client) wantHeader(got answer, name, wanted string) {
	c.t.Helper()
	if value := got.header.Get(name); value != wanted {
		c.t.Errorf("%s is %q, wanted %q", name, value, wanted)
	}
}

func TestObject(t *testing.T) {
	c := newClient(t)
	put := c.must(200, "", "PUT", "/b/d%2Fa%20%25", "hello", "Content-Type", "text/plain", "x-goog-meta-rows", "17")
	for _, method := range []string{"GET", "HEAD"} {
		got := c.ask(method, "/b/d/a%20%25", "")
		c.wantHeader(got, "Content-Type", "text/plain")
		c.wantHeader(got, "Content-Length", "5")
		c.wantHeader(got, "x-goog-meta-rows", "17")
		c.wantHeader(got, "ETag", `"5d41402abc4b2a76b9719d911017c592"`)
		c.wantHeader(got, "x-goog-generation", put.header.Get("x-goog-generation"))
		if got.header.Get("Last-Modified") == "" {
			t.Error("no Last-Modified")
		}
	}
	c.must(200, "hello", "GET", "/b/d/a%20%25?generation="+put.header.Get("x-goog-generation"), "")
	c.must(404, "<Code>NoSuchKey</Code>", "GET", "/b/d/a%20%25?generation=1", "")
	c.must(200, "", "PUT", "/b/d/a%20%25", "again")
	c.must(404, "<Code>NoSuchKey</Code>", "GET", "/b/d/a%20%25?generation="+put.header.Get("x-goog-generation"), "")
	c.must(204, "", "DELETE", "/b/d/a%20%25", "")
	c.must(404, "<Code>NoSuchKey</Code>", "DELETE", "/b/d/a%20%25", "")
	c.must(404, "<Code>NoSuchKey</Code>", "GET", "/b/d/a%20%25", "")
	c.must(404, "<Code>NoSuchBucket</Code>", "PUT", "/other/a", "")
	c.must(400, "<Code>KeyTooLong</Code>", "PUT", "/b/"+strings.Repeat("x", 1025), "")
}

func TestRange(t *testing.T) {
	c := newClient(t)
	put := c.must(200, "", "PUT", "/b/a", "0123456789")
	got := c.must(206, "345", "GET", "/b/a", "", "Range", "bytes=3-5", "If-Match", put.header.Get("ETag"))
	c.wantHeader(got, "Content-Range", "bytes 3-5/10")
	c.wantHeader(c.must(206, "89", "GET", "/b/a", "", "Range", "bytes=8-100"), "Content-Range", "bytes 8-9/10")
	refused := c.must(416, "<Code>InvalidRange</Code>", "GET", "/b/a", "", "Range", "bytes=10-12")
	c.wantHeader(refused, "Content-Range", "bytes */10")
	c.must(412, "<Code>PreconditionFailed</Code>", "GET", "/b/a", "", "If-Match", `"other"`)
	c.must(304, "", "GET", "/b/a", "", "If-None-Match", put.header.Get("ETag"))
	c.must(200, "", "PUT", "/b/empty", "")
	empty := c.must(416, "<Code>InvalidRange</Code>", "GET", "/b/empty", "", "Range", "bytes=0-9")
	c.wantHeader(empty, "Content-Range", "bytes */0")
}

func TestGenerationMatch(t *testing.T) {
	const match = "x-goog-if-generation-match"
	c := newClient(t)
	c.must(412, "<Code>PreconditionFailed</Code>", "PUT", "/b/a", "1", match, "5")
	first := c.must(200, "", "PUT", "/b/a", "1", match, "0").header.Get("x-goog-generation")
	c.must(412, "<Code>PreconditionFailed</Code>", "PUT", "/b/a", "2", match, "0")
	c.must(200, "", "PUT", "/b/a", "2", match, first)
	c.must(412, "<Code>PreconditionFailed</Code>", "PUT", "/b/a", "3", match, first)
	c.must(412, "<Code>PreconditionFailed</Code>", "DELETE", "/b/a", "", match, first)
	c.must(200, "2", "GET", "/b/a", "")
}

func TestVersions(t *testing.T) {
	c := newClient(t)
	first := c.must(200, "", "PUT", "/versions/a", "first").header.Get("x-goog-generation")
	second := c.must(200, "", "PUT", "/versions/a", "second").header.Get("x-goog-generation")
	c.must(200, "second", "GET", "/versions/a", "")
	c.must(200, "first", "GET", "/versions/a?generation="+first, "", "x-goog-if-generation-match", first)
	c.must(412, "PreconditionFailed", "GET", "/versions/a?generation="+first, "", "x-goog-if-generation-match", second)
	c.must(204, "", "DELETE", "/versions/a", "")
	c.must(404, "<Code>NoSuchKey</Code>", "GET", "/versions/a", "")
	c.must(200, "second", "GET", "/versions/a?generation="+second, "")
	c.must(404, "<Code>NoSuchKey</Code>", "GET", "/versions/a?generation=1", "")
	gone := c.must(200, "", "PUT", "/b/a", "1").header.Get("x-goog-generation")
	c.must(200, "", "PUT", "/b/a", "2")
	c.must(404, "<Code>NoSuchKey</Code>", "GET", "/b/a?generation="+gone, "")
}

func TestCopy(t *testing.T) {
	c := newClient(t)
	c.must(200, "", "PUT", "/b/a%20b", "text", "Content-Type", "text/plain", "x-goog-meta-k", "v")
	c.must(200, "<CopyObjectResult>", "PUT", "/b/c", "", "x-goog-copy-source", "b/a%20b")
	got := c.must(200, "text", "GET", "/b/c", "")
	c.wantHeader(got, "x-goog-meta-k", "v")
	c.wantHeader(got, "Content-Type", "text/plain")
	c.must(412, "PreconditionFailed", "PUT", "/b/c", "",
		"x-goog-copy-source", "b/a%20b", "x-goog-if-generation-match", "0")
	c.must(404, "<Code>NoSuchKey</Code>", "PUT", "/b/c", "", "x-goog-copy-source", "b/none")
}

func TestUpload(t *testing.T) {
	c := newClient(t)
	var begun struct{ UploadId string }
	started := c.must(200, "<UploadId>", "POST", "/b/a?uploads", "", "Content-Type", "text/csv", "x-goog-meta-k", "v")
	if err := xml.Unmarshal([]byte(started.body), &begun); err != nil {
		t.Fatal(err)
	}
	id := "uploadId=" + begun.UploadId
	first, last := strings.Repeat("x", leastPartSize), "the end"
	one := c.must(200, "", "PUT", "/b/a?partNumber=1&"+id, first).header.Get("ETag")
	two := c.must(200, "", "PUT", "/b/a?partNumber=2&"+id, last).header.Get("ETag")
	parts := func(named ...string) string {
		var text bytes.Buffer
		text.WriteString("<CompleteMultipartUpload>")
		for i := 0; i < len(named); i += 2 {
			fmt.Fprintf(&text, "<Part><PartNumber>%s</PartNumber><ETag>%s</ETag></Part>", named[i], named[i+1])
		}
		return text.String() + "</CompleteMultipartUpload>"
	}
	c.must(404, "<Code>NoSuchKey</Code>", "GET", "/b/a", "")
	c.must(200, "<Key>a</Key><UploadId>"+begun.UploadId, "GET", "/b?uploads", "")
	c.must(400, "<Code>InvalidPart</Code>", "POST", "/b/a?"+id, parts("1", one, "3", two))
	c.must(400, "<Code>InvalidPart</Code>", "POST", "/b/a?"+id, parts("1", two))
	c.must(400, "<Code>InvalidPartOrder</Code>", "POST", "/b/a?"+id, parts("2", two, "1", one))
	c.must(400, "<Code>MalformedXML</Code>", "POST", "/b/a?"+id, parts())
	c.must(404, "<Code>NoSuchUpload</Code>", "POST", "/b/other?"+id, parts("1", one))
	done := c.must(200, "<CompleteMultipartUploadResult", "POST", "/b/a?"+id, parts("1", one, "2", two))
	got := c.must(200, first+last, "GET", "/b/a", "")
	c.wantHeader(got, "x-goog-generation", done.header.Get("x-goog-generation"))
	c.wantHeader(got, "Content-Type", "text/csv")
	c.wantHeader(got, "x-goog-meta-k", "v")
	c.must(404, "<Code>NoSuchUpload</Code>", "DELETE", "/b/a?"+id, "")
	if left := c.must(200, "", "GET", "/b?uploads", "").body; strings.Contains(left, "<Upload>") {
		t.Error("an upload is left: ", left)
	}
}

func TestSmallPartAndAbort(t *testing.T) {
	c := newClient(t)
	var begun struct{ UploadId string }
	if err := xml.Unmarshal([]byte(c.must(200, "", "POST", "/b/a?uploads", "").body), &begun); err != nil {
		t.Fatal(err)
	}
	id := "uploadId=" + begun.UploadId
	one := c.must(200, "", "PUT", "/b/a?partNumber=1&"+id, "small").header.Get("ETag")
	two := c.must(200, "", "PUT", "/b/a?partNumber=2&"+id, "last").header.Get("ETag")
	c.must(400, "<Code>EntityTooSmall</Code>", "POST", "/b/a?"+id, "<CompleteMultipartUpload>"+
		"<Part><PartNumber>1</PartNumber><ETag>"+one+"</ETag></Part>"+
		"<Part><PartNumber>2</PartNumber><ETag>"+two+"</ETag></Part></CompleteMultipartUpload>")
	c.must(204, "", "DELETE", "/b/a?"+id, "")
	c.must(404, "<Code>NoSuchUpload</Code>", "PUT", "/b/a?partNumber=1&"+id, "late")
}

// walk gives the entries of all pages in order, each page no larger than most.
func (c client) walk(query string, most int) []string {
	c.t.Helper()
	var all []string
	for token := ""; ; {
		var page listedPage
		path := fmt.Sprintf("/b?list-type=2&max-keys=%d&continuation-token=%s&%s", most, token, query)
		got := c.must(200, "", "GET", path, "")
		if err := xml.Unmarshal([]byte(got.body), &page); err != nil {
			c.t.Fatal(err)
		}
		var entries []string
		for _, object := range page.Contents {
			entries = append(entries, object.Key)
		}
		for _, prefix := range page.CommonPrefixes {
			entries = append(entries, prefix.Prefix)
		}
		if len(entries) > most || page.KeyCount != len(entries) || page.IsTruncated != (page.NextContinuationToken != "") {
			c.t.Fatalf("a page of %d: %s", most, got.body)
		}
		slices.Sort(entries)
		all = append(all, entries...)
		if !page.IsTruncated {
			return all
		}
		token = page.NextContinuationToken
	}
}

func TestList(t *testing.T) {
	c := newClient(t)
	for _, key := range []string{"c", "b/2", "a", "b.x", "b/1", "b0", "\U00010000", "\uFFFD"} {
		c.must(200, "", "PUT", "/b/"+key, key)
	}
	for query, wanted := range map[string][]string{
		"":                               {"a", "b.x", "b/1", "b/2", "b0", "c", "\uFFFD", "\U00010000"},
		"delimiter=/":                    {"a", "b.x", "b/", "b0", "c", "\uFFFD", "\U00010000"},
		"prefix=b":                       {"b.x", "b/1", "b/2", "b0"},
		"prefix=b&delimiter=/":           {"b.x", "b/", "b0"},
		"prefix=b/&delimiter=/":          {"b/1", "b/2"},
		"start-after=b/1&prefix=b":       {"b/2", "b0"},
		"start-after=b/1&delimiter=/":    {"b/", "b0", "c", "\uFFFD", "\U00010000"},
		"start-after=c&prefix=b":         nil,
		"prefix=none":                    nil,
		"prefix=%EF%BF%BD&delimiter=%2F": {"\uFFFD"},
	} {
		for _, most := range []int{1, 2, 3, 1000} {
			if got := c.walk(query, most); !slices.Equal(got, wanted) {
				t.Errorf("%q, pages of %d: %q, wanted %q", query, most, got, wanted)
			}
		}
	}
	c.must(200, "<Key>%EF%BF%BD</Key>", "GET", "/b?list-type=2&encoding-type=url", "")
	c.must(404, "<Code>NoSuchBucket</Code>", "GET", "/other?list-type=2", "")
	c.must(400, "<Code>InvalidArgument</Code>", "GET", "/b?list-type=2&max-keys=many", "")
}
