namespace Containerd.Conformance;

public abstract partial class LayerDifferConformance
{
    private const string MakeLarge = "for i in $(seq 8); do head -c 4000000 /dev/urandom > f$i; done";

    /// <summary>What cannot be written is said before anything is.</summary>
    [Test]
    public void UnknownMediaTypes()
    {
        MakeTrees("true", "true");
        using var destination = new MemoryStream();
        ContainerdException? refused = Assert.ThrowsAsync<ContainerdException>(
            () => CreateDiffer().DiffAsync(Lower, Upper, destination, new LayerDiffOptions { MediaType = "application/vnd.oci.image.layer.v1.tar+unknown" }));
        Assert.That(refused!.Kind, Is.EqualTo(ErrorKind.NotSupported));
        Assert.That(destination.Length, Is.Zero);
    }

    /// <summary>A directory that is not there is said to be missing.</summary>
    /// <param name="isLower">Of which tree.</param>
    [TestCase(true)]
    [TestCase(false)]
    public void MissingDirectories(bool isLower)
    {
        MakeTrees("true", "true");
        Directory.Move(Place(isLower ? "lower" : "upper"), Place("elsewhere"));
        Assert.That(Assert.ThrowsAsync<ContainerdException>(() => DiffAsync())!.Kind, Is.EqualTo(ErrorKind.NotFound));
    }

    /// <summary>What the destination throws comes through as it is, wherever in the layer that is, and at its end.</summary>
    /// <param name="bytes">After how many bytes it fails.</param>
    [TestCase(0)]
    [TestCase(1_000_000)]
    [TestCase(31_999_999)]
    [TestCase(int.MaxValue)]
    [CancelAfter(20_000)]
    public void FailingDestinations(int bytes)
    {
        MakeTrees("true", MakeLarge);
        var destination = new Destination { FailAfter = bytes };
        IOException? failed = Assert.ThrowsAsync<IOException>(() => CreateDiffer().DiffAsync(Lower, Upper, destination, Uncompressed));
        Assert.That(failed!.Message, Is.EqualTo("full"));
    }

    /// <summary>A file that becomes shorter, longer or another while it is read ends the call: no layer has half of it.</summary>
    /// <param name="change">What is done to it.</param>
    [TestCase("truncate -s 1000 *")]
    [TestCase("for f in *; do printf x >> $f; done")]
    [TestCase("for f in *; do rm $f; mkfifo $f; done")]
    [TestCase("for f in *; do ln -sf /etc/passwd $f; done")]
    [TestCase("rm -f *")]
    [CancelAfter(20_000)]
    public void ChangingTrees(string change)
    {
        MakeTrees("true", MakeLarge);
        var destination = new Destination { OnFirst = () => Shell(UpperDirectory, change) };
        ContainerdException? failed = Assert.ThrowsAsync<ContainerdException>(() => CreateDiffer().DiffAsync(Lower, Upper, destination, Uncompressed));
        Assert.That(failed!.Kind, Is.EqualTo(ErrorKind.FailedPrecondition), failed.Message);
    }

    /// <summary>Cancellation stops a call whose destination takes nothing any more, and one that has not begun.</summary>
    [Test, CancelAfter(20_000)]
    public void Cancellation()
    {
        MakeTrees("true", MakeLarge);
        using var cancel = new CancellationTokenSource();
        Task<LayerDiffResult> writing = CreateDiffer().DiffAsync(Lower, Upper, new Destination { Hangs = true, OnFirst = cancel.Cancel }, Uncompressed, cancellationToken: cancel.Token);
        Assert.That(async () => await writing, Throws.InstanceOf<OperationCanceledException>().With.Property("CancellationToken").EqualTo(cancel.Token));
        Assert.That(
            async () => await CreateDiffer().DiffAsync(Lower, Upper, Stream.Null, Uncompressed, cancellationToken: cancel.Token),
            Throws.InstanceOf<OperationCanceledException>().With.Property("CancellationToken").EqualTo(cancel.Token));
    }

    private sealed class LastValue : IProgress<long>
    {
        public long Value { get; private set; } = -1;

        public void Report(long value) => Value = value;
    }

    private sealed class Destination : MemoryStream
    {
        public int? FailAfter { get; init; }

        public bool Hangs { get; init; }

        public Action? OnFirst { get; init; }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (Length == 0)
                OnFirst?.Invoke();
            if (Hangs)
                await Task.Delay(Timeout.Infinite, cancellationToken);
            if (Length + buffer.Length > FailAfter)
                throw new IOException("full");
            Write(buffer.Span);
        }

        public override Task FlushAsync(CancellationToken cancellationToken) =>
            FailAfter is null ? Task.CompletedTask : Task.FromException(new IOException("full"));
    }
}
