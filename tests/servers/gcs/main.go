// Command gcs is a Google Cloud Storage for the tests. It keeps its objects in memory, as the package fakestorage does,
// and speaks the XML API as Google documents it, which fakestorage does only in part:
//
//   - objects: PUT (x-goog-if-generation-match, x-goog-meta-*, x-goog-copy-source), GET and HEAD (ranges, conditions,
//     ?generation=), DELETE
//   - uploads in parts: POST ?uploads, PUT ?partNumber&uploadId, POST ?uploadId, DELETE ?uploadId, GET ?uploads
//   - list (list-type=2): prefix, delimiter, start-after, continuation-token, max-keys, encoding-type
//
// What is below /storage/v1 and the like is fakestorage's: the JSON API, for looking at things by hand. Nobody has to
// say who he is.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

func main() {
	log.SetFlags(0)
	port := flag.Int("port", 0, "port of 127.0.0.1 to listen at")
	bucket := flag.String("bucket", "", "bucket to make")
	versions := flag.String("versions", "", "bucket to make that keeps every version of its objects")
	flag.Parse()

	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	handler, err := newServer(listener.Addr().String(), *bucket, *versions)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("listening at http://%s", listener.Addr())
	server := http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	log.Fatal(server.Serve(listener))
}

// newServer is a server that is known to its clients as host and has two buckets, of which the second keeps versions,
// unless their names are empty.
func newServer(host, bucket, versions string) (http.Handler, error) {
	fake, err := fakestorage.NewServerWithOptions(fakestorage.Options{
		NoListener:  true,
		Scheme:      "http",
		PublicHost:  host,
		ExternalURL: "http://" + host,
	})
	if err != nil {
		return nil, err
	}
	if bucket != "" {
		fake.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: bucket})
	}
	if versions != "" {
		fake.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: versions, VersioningEnabled: true})
	}
	return &server{state: newState(fake), jsonAPI: fake.HTTPHandler()}, nil
}

// server sends each request to what answers it.
type server struct {
	state   *state
	jsonAPI http.Handler
}

var jsonPrefixes = []string{"/storage/v1", "/upload/", "/download/", "/batch/", "/_internal/"}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, prefix := range jsonPrefixes {
		if strings.HasPrefix(r.URL.Path, prefix) {
			s.jsonAPI.ServeHTTP(w, r)
			return
		}
	}
	name, refusal := nameOf(r.URL)
	if refusal == nil && !s.state.hasBucket(name.bucket) {
		refusal = noSuchBucket
	}
	if refusal == nil {
		refusal = s.answer(w, r, name)
	}
	if refusal != nil {
		refusal.write(w, r)
	}
}

func (s *server) answer(w http.ResponseWriter, r *http.Request, name objectName) *refusal {
	query := r.URL.Query()
	uploadID := query.Get("uploadId")
	if name.object == "" {
		switch {
		case r.Method == http.MethodGet && query.Has("uploads"):
			return s.state.listUploads(w, name)
		case r.Method == http.MethodGet:
			return s.state.list(w, name.bucket, query)
		}
		return methodNotAllowed
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return s.state.read(w, r, name)
	case http.MethodPut:
		if uploadID != "" {
			return s.state.putPart(w, r, name, uploadID)
		}
		if source := r.Header.Get("x-goog-copy-source"); source != "" {
			return s.state.copy(w, r, name, source)
		}
		return s.state.put(w, r, name)
	case http.MethodPost:
		if query.Has("uploads") {
			return s.state.beginUpload(w, r, name)
		}
		if uploadID != "" {
			return s.state.completeUpload(w, r, name, uploadID)
		}
	case http.MethodDelete:
		if uploadID != "" {
			return s.state.abortUpload(w, name, uploadID)
		}
		return s.state.delete(w, r, name)
	}
	return methodNotAllowed
}
