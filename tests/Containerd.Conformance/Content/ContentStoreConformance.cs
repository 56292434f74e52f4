using System.Security.Cryptography;
using System.Text;

namespace Containerd.Conformance;

/// <summary>What every <see cref="IContentStore"/> must do. Subclass it, make a store, and run it with NUnit.</summary>
/// <remarks>Every test gets a store of its own. The names follow containerd's core/content/testsuite where there is a counterpart.</remarks>
public abstract class ContentStoreConformance
{
    private static readonly byte[] Hello = Encoding.UTF8.GetBytes("hello, content");
    private static readonly Descriptor HelloDescriptor = Describe(Hello);

    private IContentStore _store = null!;

    /// <summary>Makes an empty store.</summary>
    protected abstract Task<IContentStore> CreateStoreAsync();

    /// <summary>Takes a store away that <see cref="CreateStoreAsync"/> made, and what it has on disk.</summary>
    /// <param name="store">The store.</param>
    protected abstract Task DestroyStoreAsync(IContentStore store);

    /// <summary>Makes the store of one test.</summary>
    [SetUp]
    public async Task SetUpStoreAsync() => _store = await CreateStoreAsync();

    /// <summary>Takes the store of one test away.</summary>
    [TearDown]
    public async Task TearDownStoreAsync() => await DestroyStoreAsync(_store);

    /// <summary>Committed content is found, listed and read.</summary>
    [Test]
    public async Task ContentThatWasCommittedIsFoundListedAndRead()
    {
        ContentInfo committed = await PutAsync(Hello);
        ContentInfo? found = await _store.FindAsync(HelloDescriptor.Digest);
        List<ContentInfo> listed = await _store.ListAsync().ToListAsync();
        byte[] read = await _store.ReadAsync(HelloDescriptor, 1000);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(committed.Digest, Is.EqualTo(HelloDescriptor.Digest));
            Assert.That(found?.Size, Is.EqualTo(Hello.Length));
            Assert.That(found?.CreatedAt, Is.EqualTo(committed.CreatedAt));
            Assert.That(listed.Select(content => content.Digest), Is.EqualTo(new[] { HelloDescriptor.Digest }));
            Assert.That(read, Is.EqualTo(Hello));
        }
    }

    /// <summary>Absent content is null to find, and NotFound to everything else.</summary>
    [Test]
    public async Task AbsentContentIsNotFound()
    {
        Digest absent = Digest.Sha256("absent"u8);
        Assert.That(await _store.FindAsync(absent), Is.Null);
        Assert.That(() => _store.GetAsync(absent), Fails(ErrorKind.NotFound));
        Assert.That(() => _store.OpenReadAsync(absent), Fails(ErrorKind.NotFound));
        Assert.That(() => _store.DeleteAsync(absent), Fails(ErrorKind.NotFound));
        Assert.That(() => _store.UpdateAsync(absent, LabelUpdate.Set("a", "b")), Fails(ErrorKind.NotFound));
        Assert.That(() => _store.AbortAsync("no-such-ingest"), Fails(ErrorKind.NotFound));
    }

    /// <summary>The stream of content seeks and knows its length.</summary>
    [Test]
    public async Task ContentIsReadFromAnyPosition()
    {
        await PutAsync(Hello);
        await using Stream stream = await _store.OpenReadAsync(HelloDescriptor.Digest);
        stream.Position = 7;
        byte[] rest = new byte[Hello.Length - 7];
        await stream.ReadExactlyAsync(rest);
        Assert.That((stream.CanSeek, stream.CanWrite, stream.Length), Is.EqualTo((true, false, (long)Hello.Length)));
        Assert.That(rest, Is.EqualTo(Hello[7..]));
    }

    /// <summary>Content may be empty.</summary>
    [Test]
    public async Task EmptyContentIsContent()
    {
        await PutAsync([]);
        Assert.That(await _store.ReadAsync(Describe([]), 10), Is.Empty);
    }

    /// <summary>Content may be named by other algorithms than SHA-256.</summary>
    [TestCase("SHA384")]
    [TestCase("SHA512")]
    public async Task OtherDigestAlgorithmsAreVerified(string algorithm)
    {
        var name = new HashAlgorithmName(algorithm);
        Digest digest = Digest.FromHash(name, CryptographicOperations.HashData(name, Hello));
        await using (IContentWriter writer = await _store.OpenWriterAsync("other", new Descriptor { MediaType = "x/y", Digest = digest, Size = Hello.Length }))
        {
            await writer.WriteAsync(Hello);
            await writer.CommitAsync();
        }
        Assert.That(await _store.FindAsync(digest), Is.Not.Null);

        await using IContentWriter unexpected = await _store.OpenWriterAsync("expected at the end");
        await unexpected.WriteAsync(Hello);
        ContentInfo committed = await unexpected.CommitAsync(digest);
        Assert.That(committed.Digest, Is.EqualTo(digest));
    }

    /// <summary>What is not committed is invisible.</summary>
    [Test]
    public async Task ContentIsInvisibleUntilItIsCommitted()
    {
        await using IContentWriter writer = await _store.OpenWriterAsync("hello", HelloDescriptor);
        await writer.WriteAsync(Hello);
        Assert.That(await _store.FindAsync(HelloDescriptor.Digest), Is.Null);
        Assert.That(await _store.ListAsync().ToListAsync(), Is.Empty);
    }

    /// <summary>One ingest has one writer.</summary>
    [Test]
    public async Task ASecondWriterOfAnIngestIsTurnedAway()
    {
        IContentWriter first = await _store.OpenWriterAsync("hello", HelloDescriptor);
        Assert.That(() => _store.OpenWriterAsync("hello", HelloDescriptor), Fails(ErrorKind.Unavailable));
        Assert.That(() => _store.AbortAsync("hello"), Fails(ErrorKind.Unavailable));
        await first.DisposeAsync();
        await using IContentWriter second = await _store.OpenWriterAsync("hello", HelloDescriptor);
        Assert.That(second.Offset, Is.Zero);
    }

    /// <summary>Nobody writes what is there.</summary>
    [Test]
    public async Task AnIngestForContentThatIsThereIsTurnedAway()
    {
        await PutAsync(Hello);
        Assert.That(() => _store.OpenWriterAsync("again", HelloDescriptor), Fails(ErrorKind.AlreadyExists));
    }

    /// <summary>An ingest goes on where its last writer ended (containerd: ResumeWriter).</summary>
    [Test]
    public async Task AnIngestIsResumed()
    {
        await using (IContentWriter writer = await _store.OpenWriterAsync("hello", HelloDescriptor))
            await writer.WriteAsync(Hello.AsMemory(0, 5));
        IngestStatus left = (await _store.ListIngestsAsync().ToListAsync()).Single();
        await using IContentWriter next = await _store.OpenWriterAsync("hello", HelloDescriptor);
        Assert.That(next.Offset, Is.EqualTo(5));
        await next.WriteAsync(Hello.AsMemory(5));
        IngestStatus open = (await _store.ListIngestsAsync().ToListAsync()).Single();
        await next.CommitAsync();
        using (Assert.EnterMultipleScope())
        {
            Assert.That((left.Reference, left.Offset, left.Total, left.Expected), Is.EqualTo(("hello", 5L, (long?)Hello.Length, (Digest?)HelloDescriptor.Digest)));
            Assert.That((open.Offset, open.StartedAt), Is.EqualTo(((long)Hello.Length, left.StartedAt)));
            Assert.That(await _store.ReadAsync(HelloDescriptor, 1000), Is.EqualTo(Hello));
            Assert.That(await _store.ListIngestsAsync().ToListAsync(), Is.Empty);
        }
    }

    /// <summary>An ingest that was for something else is of no use.</summary>
    [Test]
    public async Task AnIngestThatExpectedSomethingElseIsStartedAnew()
    {
        await using (IContentWriter writer = await _store.OpenWriterAsync("hello", HelloDescriptor))
            await writer.WriteAsync(Hello.AsMemory(0, 5));
        await using IContentWriter other = await _store.OpenWriterAsync("hello", Describe("something else"u8.ToArray()));
        Assert.That(other.Offset, Is.Zero);
    }

    /// <summary>Wrong bytes never become content, and are not kept.</summary>
    [Test]
    public async Task WrongBytesAreRefusedAndDropped()
    {
        byte[] wrong = Encoding.UTF8.GetBytes("hello, c0ntent");
        await using (IContentWriter writer = await _store.OpenWriterAsync("hello", HelloDescriptor))
        {
            await writer.WriteAsync(wrong);
            Assert.That(() => writer.CommitAsync(), Throws.TypeOf<DigestMismatchException>()
                .With.Property(nameof(DigestMismatchException.Expected)).EqualTo(HelloDescriptor.Digest)
                .And.Property(nameof(DigestMismatchException.Actual)).EqualTo(Digest.Sha256(wrong)));
        }
        Assert.That(await _store.FindAsync(HelloDescriptor.Digest), Is.Null);
        Assert.That(await _store.FindAsync(Digest.Sha256(wrong)), Is.Null);
        await using IContentWriter next = await _store.OpenWriterAsync("hello", HelloDescriptor);
        Assert.That(next.Offset, Is.Zero);
    }

    /// <summary>The digest given to the commit counts as well as the one the ingest was opened with.</summary>
    [Test]
    public async Task BothExpectationsCount()
    {
        await using IContentWriter writer = await _store.OpenWriterAsync("hello", HelloDescriptor);
        await writer.WriteAsync(Hello);
        Assert.That(() => writer.CommitAsync(Digest.Sha256("other"u8)), Throws.TypeOf<DigestMismatchException>());
        Assert.That(await _store.FindAsync(HelloDescriptor.Digest), Is.Null);
    }

    /// <summary>Too few bytes are kept, and can be continued (containerd: CommitErrorState).</summary>
    [Test]
    public async Task TooFewBytesAreRefusedAndKept()
    {
        await using (IContentWriter writer = await _store.OpenWriterAsync("hello", HelloDescriptor))
        {
            await writer.WriteAsync(Hello.AsMemory(0, 5));
            Assert.That(() => writer.CommitAsync(), Fails(ErrorKind.FailedPrecondition));
        }
        await using IContentWriter next = await _store.OpenWriterAsync("hello", HelloDescriptor);
        Assert.That(next.Offset, Is.EqualTo(5));
    }

    /// <summary>More bytes than expected are not written.</summary>
    [Test]
    public async Task TooManyBytesAreRefused()
    {
        await using IContentWriter writer = await _store.OpenWriterAsync("hello", HelloDescriptor);
        await writer.WriteAsync(Hello);
        Assert.That(async () => await writer.WriteAsync(new byte[1]), Fails(ErrorKind.ResourceExhausted));
        Assert.That(writer.Offset, Is.EqualTo(Hello.Length));
        await writer.CommitAsync();
    }

    /// <summary>A writer ends with its commit, also with one that fails.</summary>
    [Test]
    public async Task AWriterIsClosedByItsCommit()
    {
        await using IContentWriter writer = await _store.OpenWriterAsync("hello", HelloDescriptor);
        await writer.WriteAsync(Hello);
        await writer.CommitAsync();
        Assert.That(() => writer.CommitAsync(), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(async () => await writer.WriteAsync(Hello), Throws.TypeOf<ObjectDisposedException>());

        await using IContentWriter failing = await _store.OpenWriterAsync("other", Describe("other"u8.ToArray()));
        Assert.That(() => failing.CommitAsync(), Fails(ErrorKind.FailedPrecondition));
        Assert.That(async () => await failing.WriteAsync(Hello), Throws.TypeOf<ObjectDisposedException>());
        await using IContentWriter next = await _store.OpenWriterAsync("other", Describe("other"u8.ToArray()));
    }

    /// <summary>A writer can begin again.</summary>
    [Test]
    public async Task AWriterCanBeReset()
    {
        await using IContentWriter writer = await _store.OpenWriterAsync("hello", HelloDescriptor);
        await writer.WriteAsync("wrong"u8.ToArray());
        await writer.ResetAsync();
        Assert.That(writer.Offset, Is.Zero);
        await writer.WriteAsync(Hello);
        await writer.CommitAsync();
        Assert.That(await _store.ReadAsync(HelloDescriptor, 1000), Is.EqualTo(Hello));
    }

    /// <summary>An ingest can be given up.</summary>
    [Test]
    public async Task AnIngestCanBeDropped()
    {
        await using (IContentWriter writer = await _store.OpenWriterAsync("hello", HelloDescriptor))
            await writer.WriteAsync(Hello.AsMemory(0, 5));
        await _store.AbortAsync("hello");
        Assert.That(await _store.ListIngestsAsync().ToListAsync(), Is.Empty);
        Assert.That(() => _store.AbortAsync("hello"), Fails(ErrorKind.NotFound));
    }

    /// <summary>A cancelled commit leaves the ingest.</summary>
    [Test]
    public async Task ACancelledCommitLeavesTheIngest()
    {
        await using (IContentWriter writer = await _store.OpenWriterAsync("hello", HelloDescriptor))
        {
            await writer.WriteAsync(Hello);
            Assert.That(() => writer.CommitAsync(cancellationToken: new CancellationToken(true)), Throws.InstanceOf<OperationCanceledException>());
        }
        Assert.That(await _store.FindAsync(HelloDescriptor.Digest), Is.Null);
        await using IContentWriter next = await _store.OpenWriterAsync("hello", HelloDescriptor);
        Assert.That(next.Offset, Is.EqualTo(Hello.Length));
        await next.CommitAsync();
    }

    /// <summary>The same content committed twice is there once, with the labels of both.</summary>
    [Test]
    public async Task LabelsOfASecondCommitAreMerged()
    {
        await PutAsync(Hello, new Dictionary<string, string> { ["a"] = "1", ["b"] = "1" });
        await using IContentWriter writer = await _store.OpenWriterAsync("again");
        await writer.WriteAsync(Hello);
        ContentInfo second = await writer.CommitAsync(labels: new Dictionary<string, string> { ["b"] = "2", ["c"] = "2" });
        Assert.That(second.Labels, Is.EquivalentTo(new Dictionary<string, string> { ["a"] = "1", ["b"] = "2", ["c"] = "2" }));
        Assert.That(await _store.ListAsync().ToListAsync(), Has.Count.EqualTo(1));
    }

    /// <summary>Labels change as the update says, and nothing else does.</summary>
    [Test]
    public async Task LabelsAreUpdated()
    {
        ContentInfo before = await PutAsync(Hello, new Dictionary<string, string> { ["a"] = "1", ["b"] = "1" });
        await _store.UpdateAsync(HelloDescriptor.Digest, LabelUpdate.Merge(new Dictionary<string, string?> { ["a"] = null, ["c"] = "3" }));
        ContentInfo? merged = await _store.FindAsync(HelloDescriptor.Digest);
        await _store.UpdateAsync(HelloDescriptor.Digest, LabelUpdate.Replace(new Dictionary<string, string> { ["d"] = "4" }));
        ContentInfo? replaced = await _store.FindAsync(HelloDescriptor.Digest);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(merged?.Labels, Is.EquivalentTo(new Dictionary<string, string> { ["b"] = "1", ["c"] = "3" }));
            Assert.That(replaced?.Labels, Is.EquivalentTo(new Dictionary<string, string> { ["d"] = "4" }));
            Assert.That(replaced?.CreatedAt, Is.EqualTo(before.CreatedAt));
        }
        Assert.That(
            () => _store.UpdateAsync(HelloDescriptor.Digest, LabelUpdate.Set("long", new string('x', Labels.MaxBytes))), Fails(ErrorKind.InvalidArgument));
    }

    /// <summary>References that break the rule are refused.</summary>
    [TestCase("")]
    [TestCase("new\nline")]
    public void AReferenceMustFollowTheRule(string reference) =>
        Assert.That(() => _store.OpenWriterAsync(reference), Fails(ErrorKind.InvalidArgument));

    /// <summary>Long references, and those that look like paths, are only names.</summary>
    [Test]
    public async Task AReferenceIsNoPath()
    {
        foreach (string reference in new[] { new string('x', 512), "../../escape", "/absolute", ".", "a/b" })
        {
            await using IContentWriter writer = await _store.OpenWriterAsync(reference);
            await writer.WriteAsync(Hello);
        }
        Assert.That(await _store.ListIngestsAsync().ToListAsync(), Has.Count.EqualTo(5));
        Assert.That(() => _store.OpenWriterAsync(new string('x', 513)), Fails(ErrorKind.InvalidArgument));
        Assert.That(() => _store.OpenWriterAsync("lone \ud800 surrogate"), Fails(ErrorKind.InvalidArgument));
    }

    /// <summary>Deleting content does not disturb who reads it (containerd: DeleteWhileOpen).</summary>
    [Test]
    public async Task ContentStaysReadableForThoseWhoHaveItOpen()
    {
        await PutAsync(Hello);
        await using Stream stream = await _store.OpenReadAsync(HelloDescriptor.Digest);
        await _store.DeleteAsync(HelloDescriptor.Digest);
        byte[] read = new byte[Hello.Length];
        await stream.ReadExactlyAsync(read);
        Assert.That(read, Is.EqualTo(Hello));
        Assert.That(await _store.FindAsync(HelloDescriptor.Digest), Is.Null);
    }

    /// <summary>Many who want the same content get it, and it is written once at a time.</summary>
    [Test]
    public async Task ManyWritersOfTheSameContentJoin()
    {
        byte[] content = RandomNumberGenerator.GetBytes(300_000);
        Descriptor descriptor = Describe(content);
        int commits = 0;
        await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
        {
            while (await _store.FindAsync(descriptor.Digest) is null)
            {
                try
                {
                    await using IContentWriter writer = await _store.OpenWriterAsync("same", descriptor);
                    await writer.WriteAsync(content.AsMemory((int)writer.Offset));
                    await writer.CommitAsync();
                    Interlocked.Increment(ref commits);
                }
                catch (ContainerdException e) when (e.Kind is ErrorKind.Unavailable or ErrorKind.AlreadyExists)
                {
                    await Task.Yield();
                }
            }
        })));
        Assert.That(commits, Is.EqualTo(1));
        Assert.That(await _store.ReadAsync(descriptor, content.Length), Is.EqualTo(content));
    }

    private static Descriptor Describe(byte[] content) => new() { MediaType = "application/octet-stream", Digest = Digest.Sha256(content), Size = content.Length };

    private static NUnit.Framework.Constraints.EqualConstraint<ErrorKind> Fails(ErrorKind kind) =>
        Throws.InstanceOf<ContainerdException>().With.Property(nameof(ContainerdException.Kind)).EqualTo(kind);

    private async Task<ContentInfo> PutAsync(byte[] content, IReadOnlyDictionary<string, string>? labels = null)
    {
        await using IContentWriter writer = await _store.OpenWriterAsync($"put-{Digest.Sha256(content)}", Describe(content));
        await writer.WriteAsync(content);
        return await writer.CommitAsync(labels: labels);
    }
}
