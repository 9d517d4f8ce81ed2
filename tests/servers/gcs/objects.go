package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

func (s *state) put(w http.ResponseWriter, r *http.Request, name objectName) *refusal {
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return incompleteBody
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	if refusal := s.checkGeneration(r.Header, name, 0); refusal != nil {
		return refusal
	}
	object, refusal := s.store(attributesOf(r.Header, name), content)
	if refusal != nil {
		return refusal
	}
	setStoredHeaders(w.Header(), &object.ObjectAttrs)
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	return nil
}

func (s *state) copy(w http.ResponseWriter, r *http.Request, name objectName, source string) *refusal {
	bucket, object, _ := strings.Cut(strings.TrimPrefix(source, "/"), "/")
	from, refusal := decodedName(bucket, object)
	if refusal != nil {
		return refusal
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	if !s.hasBucket(from.bucket) {
		return noSuchBucket
	}
	original, refusal := s.find(from, 0)
	if refusal != nil {
		return refusal
	}
	if refusal := s.checkGeneration(r.Header, name, 0); refusal != nil {
		return refusal
	}
	content, err := io.ReadAll(original.Content)
	if err != nil {
		return internalError(err)
	}
	attributes := original.ObjectAttrs
	attributes.BucketName, attributes.Name = name.bucket, name.object
	attributes.Created, attributes.Updated = time.Time{}, time.Time{}
	made, refusal := s.store(attributes, content)
	if refusal != nil {
		return refusal
	}
	setStoredHeaders(w.Header(), &made.ObjectAttrs)
	return writeXML(w, http.StatusOK, struct {
		XMLName      xml.Name `xml:"CopyObjectResult"`
		LastModified string
		ETag         string
	}{LastModified: made.Updated.UTC().Format(timeFormat), ETag: etagOf(&made.ObjectAttrs)})
}

func (s *state) delete(w http.ResponseWriter, r *http.Request, name objectName) *refusal {
	generation, refusal := generationOf(r.URL.Query())
	if refusal != nil {
		return refusal
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	if refusal := s.checkGeneration(r.Header, name, 0); refusal != nil {
		return refusal
	}
	if err := s.fake.Backend().DeleteObjectWithGeneration(name.bucket, name.object, generation); err != nil {
		return noSuchKey
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *state) read(w http.ResponseWriter, r *http.Request, name objectName) *refusal {
	generation, refusal := generationOf(r.URL.Query())
	if refusal != nil {
		return refusal
	}
	if refusal := s.checkGeneration(r.Header, name, generation); refusal != nil {
		return refusal
	}
	object, refusal := s.find(name, generation)
	if refusal != nil {
		return refusal
	}
	header := w.Header()
	setStoredHeaders(header, &object.ObjectAttrs)
	header.Set("Content-Type", "application/octet-stream")
	for field, value := range map[string]string{
		"Content-Type":        object.ContentType,
		"Content-Encoding":    object.ContentEncoding,
		"Content-Disposition": object.ContentDisposition,
		"Content-Language":    object.ContentLanguage,
		"Cache-Control":       object.CacheControl,
	} {
		if value != "" {
			header.Set(field, value)
		}
	}
	for key, value := range object.Metadata {
		header.Set("x-goog-meta-"+key, value)
	}
	// http.ServeContent gives all of an empty object, whatever the range; Google has no range in it.
	if object.Size == 0 && r.Header.Get("Range") != "" && r.Header.Get("If-Match") == "" {
		header.Set("Content-Range", fmt.Sprintf("bytes */%d", object.Size))
		return invalidRange
	}
	http.ServeContent(&refusing{ResponseWriter: w, request: r}, r, "", object.Updated, object.Content)
	return nil
}

// generationOf is what ?generation= asks for; 0 is the one that there is.
func generationOf(query url.Values) (int64, *refusal) {
	if !query.Has("generation") {
		return 0, nil
	}
	generation, err := strconv.ParseInt(query.Get("generation"), 10, 64)
	if err != nil || generation <= 0 {
		return 0, invalidArgument("The generation is not a number.")
	}
	return generation, nil
}
