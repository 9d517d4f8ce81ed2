package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

const mostNameBytes = 1024

// objectName is what the path of a request names: an object, or a bucket where object is empty.
type objectName struct {
	bucket, object string
}

// nameOf takes a path apart before it is decoded: a %2F is part of a name.
func nameOf(address *url.URL) (objectName, *refusal) {
	bucket, object, _ := strings.Cut(strings.TrimPrefix(address.EscapedPath(), "/"), "/")
	return decodedName(bucket, object)
}

func decodedName(bucket, object string) (objectName, *refusal) {
	bucket, err := url.PathUnescape(bucket)
	if err != nil {
		return objectName{}, invalidArgument(err.Error())
	}
	object, err = url.PathUnescape(object)
	if err != nil {
		return objectName{}, invalidArgument(err.Error())
	}
	if !utf8.ValidString(object) || strings.ContainsAny(object, "\r\n") {
		return objectName{}, invalidArgument("The object name is not valid.")
	}
	if len(object) > mostNameBytes {
		return objectName{}, keyTooLong
	}
	return objectName{bucket, object}, nil
}

// state is the objects, which fakestorage keeps, and the uploads that have not ended. The lock is held over every
// write and the conditions that it depends on.
type state struct {
	lock       sync.Mutex
	fake       *fakestorage.Server
	uploads    map[string]*upload
	generation int64
}

func newState(fake *fakestorage.Server) *state {
	return &state{fake: fake, uploads: map[string]*upload{}}
}

func (s *state) hasBucket(bucket string) bool {
	_, err := s.fake.Backend().GetBucket(bucket)
	return err == nil
}

// nextGeneration is larger than every one before. The lock must be held.
func (s *state) nextGeneration() int64 {
	s.generation = max(s.generation+1, time.Now().UnixMicro())
	return s.generation
}

func (s *state) find(name objectName, generation int64) (fakestorage.StreamingObject, *refusal) {
	object, err := s.fake.GetObjectWithGenerationStreaming(name.bucket, name.object, generation)
	if err != nil {
		return object, noSuchKey
	}
	return object, nil
}

// checkGeneration refuses what x-goog-if-generation-match does not permit of this generation of the object, 0 being the
// one that there is; in the header 0 stands for no object.
func (s *state) checkGeneration(header http.Header, name objectName, generation int64) *refusal {
	text := header.Get("x-goog-if-generation-match")
	if text == "" {
		return nil
	}
	wanted, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return invalidArgument("x-goog-if-generation-match is not a number.")
	}
	object, refusal := s.find(name, generation)
	if refusal == nil && object.Generation == wanted || refusal != nil && wanted == 0 {
		return nil
	}
	return preconditionFailed
}

// store makes an object of attributes and content; what there was is replaced. The lock must be held.
func (s *state) store(attributes fakestorage.ObjectAttrs, content []byte) (fakestorage.StreamingObject, *refusal) {
	name := objectName{attributes.BucketName, attributes.Name}
	attributes.Generation = s.nextGeneration()
	err := s.fake.CreateObjectStreaming(fakestorage.StreamingObject{
		ObjectAttrs: attributes,
		Content:     closeable{bytes.NewReader(content)},
	})
	if err != nil {
		return fakestorage.StreamingObject{}, internalError(err)
	}
	return s.find(name, 0)
}

type closeable struct {
	*bytes.Reader
}

func (closeable) Close() error { return nil }

// attributesOf is what the headers of a request say of the object that it makes.
func attributesOf(header http.Header, name objectName) fakestorage.ObjectAttrs {
	attributes := fakestorage.ObjectAttrs{
		BucketName:         name.bucket,
		Name:               name.object,
		ContentType:        header.Get("Content-Type"),
		ContentEncoding:    header.Get("Content-Encoding"),
		ContentDisposition: header.Get("Content-Disposition"),
		ContentLanguage:    header.Get("Content-Language"),
		CacheControl:       header.Get("Cache-Control"),
		StorageClass:       header.Get("x-goog-storage-class"),
		Metadata:           map[string]string{},
	}
	for field, values := range header {
		if key, found := strings.CutPrefix(strings.ToLower(field), "x-goog-meta-"); found {
			attributes.Metadata[key] = strings.Join(values, ",")
		}
	}
	return attributes
}

// etagOf is the MD5 of the content in hexadecimal digits, as Google gives it for objects that were put whole.
func etagOf(attributes *fakestorage.ObjectAttrs) string {
	digest, err := base64.StdEncoding.DecodeString(attributes.Md5Hash)
	if err != nil {
		return strconv.Quote(attributes.Md5Hash)
	}
	return strconv.Quote(hex.EncodeToString(digest))
}

// setStoredHeaders says what was stored: in the answer to every read and every write.
func setStoredHeaders(header http.Header, attributes *fakestorage.ObjectAttrs) {
	header.Set("ETag", etagOf(attributes))
	header.Set("x-goog-generation", strconv.FormatInt(attributes.Generation, 10))
	header.Set("x-goog-metageneration", "1")
	header.Set("x-goog-stored-content-length", strconv.FormatInt(attributes.Size, 10))
	header.Set("x-goog-stored-content-encoding", "identity")
	header.Set("x-goog-hash", "crc32c="+attributes.Crc32c)
	header.Add("x-goog-hash", "md5="+attributes.Md5Hash)
	header.Set("x-goog-storage-class", attributes.StorageClass)
}
