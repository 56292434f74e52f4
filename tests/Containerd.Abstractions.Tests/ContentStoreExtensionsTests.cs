namespace Containerd.Tests;

public sealed class ContentStoreExtensionsTests
{
    private static readonly byte[] Content = "content"u8.ToArray();

    [Test]
    public async Task Small_content_is_read_and_verified()
    {
        var store = new OneBlobStore(Content);
        Assert.That(await store.ReadAsync(Describe(Content), 100), Is.EqualTo(Content));
    }

    [TestCase("conteNt")]
    [TestCase("conten")]
    [TestCase("content!")]
    public void Bytes_that_are_not_what_the_descriptor_says_are_refused(string stored)
    {
        var store = new OneBlobStore(System.Text.Encoding.UTF8.GetBytes(stored));
        Assert.That(async () => await store.ReadAsync(Describe(Content), 100), Throws.TypeOf<DigestMismatchException>());
    }

    [Test]
    public void Content_larger_than_allowed_is_not_read() =>
        Assert.That(
            async () => await new OneBlobStore(Content).ReadAsync(Describe(Content), 3),
            Throws.TypeOf<ContainerdException>().With.Property("Kind").EqualTo(ErrorKind.ResourceExhausted));

    [Test]
    public async Task Embedded_content_is_used_only_when_it_is_right()
    {
        var store = new OneBlobStore(Content);
        Assert.That(await new OneBlobStore([]).ReadAsync(Describe(Content) with { Data = Content }, 100), Is.EqualTo(Content));
        Assert.That(await store.ReadAsync(Describe(Content) with { Data = "conteNt"u8.ToArray() }, 100), Is.EqualTo(Content));
    }

    [Test]
    public void Missing_content_is_reported_with_its_digest()
    {
        Digest digest = Digest.Sha256("none"u8);
        Assert.That(
            async () => await new OneBlobStore(Content).GetAsync(digest),
            Throws.TypeOf<ContainerdException>().With.Property("Kind").EqualTo(ErrorKind.NotFound).And.Message.Contains(digest.ToString()));
    }

    private static Descriptor Describe(byte[] content) => new() { MediaType = "x", Digest = Digest.Sha256(content), Size = content.Length };

    /// <summary>A store whose one blob may be damaged, which no real store can be asked to hold.</summary>
    private sealed class OneBlobStore(byte[] bytes) : IContentStore
    {
        public Task<ContentInfo?> FindAsync(Digest digest, CancellationToken cancellationToken) => Task.FromResult<ContentInfo?>(null);

        public Task<Stream> OpenReadAsync(Digest digest, CancellationToken cancellationToken) => Task.FromResult<Stream>(new MemoryStream(bytes));

        public Task<IContentWriter> OpenWriterAsync(string reference, Descriptor? expected, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<ContentInfo> UpdateAsync(Digest digest, LabelUpdate labels, CancellationToken cancellationToken) => throw new NotSupportedException();

        public IAsyncEnumerable<ContentInfo> ListAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task DeleteAsync(Digest digest, CancellationToken cancellationToken) => throw new NotSupportedException();

        public IAsyncEnumerable<IngestStatus> ListIngestsAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task AbortAsync(string reference, CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
