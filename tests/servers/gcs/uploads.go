package main

import (
	"crypto/md5"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

const (
	mostParts     = 10000
	leastPartSize = 5 << 20 // of every part but the last
)

// upload is an object that comes in parts and that nobody sees before the last call.
type upload struct {
	attributes fakestorage.ObjectAttrs
	begun      time.Time
	parts      map[int]part
}

type part struct {
	etag    string
	content []byte
}

// uploadOf finds an upload of this object. The lock must be held.
func (s *state) uploadOf(name objectName, id string) (*upload, *refusal) {
	found := s.uploads[id]
	if found == nil || found.attributes.BucketName != name.bucket || found.attributes.Name != name.object {
		return nil, noSuchUpload
	}
	return found, nil
}

func (s *state) beginUpload(w http.ResponseWriter, r *http.Request, name objectName) *refusal {
	s.lock.Lock()
	defer s.lock.Unlock()
	id := rand.Text()
	s.uploads[id] = &upload{attributesOf(r.Header, name), time.Now(), map[int]part{}}
	return writeXML(w, http.StatusOK, struct {
		XMLName   xml.Name `xml:"InitiateMultipartUploadResult"`
		Namespace string   `xml:"xmlns,attr"`
		Bucket    string
		Key       string
		UploadId  string
	}{Namespace: namespace, Bucket: name.bucket, Key: name.object, UploadId: id})
}

func (s *state) putPart(w http.ResponseWriter, r *http.Request, name objectName, id string) *refusal {
	number, err := strconv.Atoi(r.URL.Query().Get("partNumber"))
	if err != nil || number < 1 || number > mostParts {
		return invalidArgument("The part number must be between 1 and 10000.")
	}
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return incompleteBody
	}
	digest := md5.Sum(content)
	etag := strconv.Quote(hex.EncodeToString(digest[:]))
	s.lock.Lock()
	defer s.lock.Unlock()
	found, refusal := s.uploadOf(name, id)
	if refusal != nil {
		return refusal
	}
	found.parts[number] = part{etag, content}
	w.Header().Set("ETag", etag)
	w.Header().Set("x-goog-hash", "md5="+base64.StdEncoding.EncodeToString(digest[:]))
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	return nil
}

type completion struct {
	XMLName xml.Name `xml:"CompleteMultipartUpload"`
	Part    []struct {
		PartNumber int
		ETag       string
	}
}

// content joins the parts that the caller names, or refuses.
func (u *upload) content(named *completion) ([]byte, *refusal) {
	var content []byte
	if len(named.Part) == 0 {
		return nil, malformedXML
	}
	for i := 1; i < len(named.Part); i++ {
		if named.Part[i].PartNumber <= named.Part[i-1].PartNumber {
			return nil, invalidPartOrder
		}
	}
	for i, wanted := range named.Part {
		found, ok := u.parts[wanted.PartNumber]
		switch {
		case !ok || strings.Trim(wanted.ETag, `"`) != strings.Trim(found.etag, `"`):
			return nil, invalidPart
		case i < len(named.Part)-1 && len(found.content) < leastPartSize:
			return nil, entityTooSmall
		}
		content = append(content, found.content...)
	}
	return content, nil
}

func (s *state) completeUpload(w http.ResponseWriter, r *http.Request, name objectName, id string) *refusal {
	var named completion
	if err := xml.NewDecoder(r.Body).Decode(&named); err != nil {
		return malformedXML
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	found, refusal := s.uploadOf(name, id)
	if refusal != nil {
		return refusal
	}
	content, refusal := found.content(&named)
	if refusal != nil {
		return refusal
	}
	object, refusal := s.store(found.attributes, content)
	if refusal != nil {
		return refusal
	}
	delete(s.uploads, id)
	setStoredHeaders(w.Header(), &object.ObjectAttrs)
	return writeXML(w, http.StatusOK, struct {
		XMLName   xml.Name `xml:"CompleteMultipartUploadResult"`
		Namespace string   `xml:"xmlns,attr"`
		Location  string
		Bucket    string
		Key       string
		ETag      string
	}{Namespace: namespace, Location: "http://" + r.Host + r.URL.EscapedPath(), Bucket: name.bucket, Key: name.object,
		ETag: etagOf(&object.ObjectAttrs)})
}

func (s *state) abortUpload(w http.ResponseWriter, name objectName, id string) *refusal {
	s.lock.Lock()
	defer s.lock.Unlock()
	if _, refusal := s.uploadOf(name, id); refusal != nil {
		return refusal
	}
	delete(s.uploads, id)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type listedUpload struct {
	Key          string
	UploadId     string
	StorageClass string
	Initiated    string
}

// listUploads gives all of them: there are never enough for a second page.
func (s *state) listUploads(w http.ResponseWriter, name objectName) *refusal {
	s.lock.Lock()
	defer s.lock.Unlock()
	uploads := []listedUpload{}
	for id, found := range s.uploads {
		if found.attributes.BucketName == name.bucket {
			uploads = append(uploads,
				listedUpload{found.attributes.Name, id, "STANDARD", found.begun.UTC().Format(timeFormat)})
		}
	}
	sort.Slice(uploads, func(i, j int) bool {
		a, b := uploads[i], uploads[j]
		return a.Key < b.Key || a.Key == b.Key && a.UploadId < b.UploadId
	})
	return writeXML(w, http.StatusOK, struct {
		XMLName     xml.Name `xml:"ListMultipartUploadsResult"`
		Namespace   string   `xml:"xmlns,attr"`
		Bucket      string
		MaxUploads  int
		IsTruncated bool
		Upload      []listedUpload
	}{Namespace: namespace, Bucket: name.bucket, MaxUploads: len(uploads), Upload: uploads})
}
