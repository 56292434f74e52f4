using System.Diagnostics;
using System.Globalization;
using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

/// <summary>Layers that one applier applies at the same time, with and without a processor for each of their stages.</summary>
[RequiresRoot]
public sealed class LayersInWorkTests
{
    private const int Layers = 12;

    [Test, CancelAfter(120_000)]
    public async Task EachEndsAsItShould([Values(1, 2, Layers, int.MaxValue)] int processors, CancellationToken cancellationToken)
    {
        using var scratch = new LayerScratch("/dev/shm");
        var applier = new TarLayerApplier(new TarLayerApplierOptions { Processors = processors });
        await Task.WhenAll(Enumerable.Range(0, Layers).Select(number => Task.Run(() => ApplyAsync(number), cancellationToken)));

        async Task ApplyAsync(int number)
        {
            string tree = Directory.CreateDirectory(Path.Join(scratch.Root, $"{number}")).FullName;
            byte[] large = CompressionRun.Sample(3 << 20, number);
            byte[] archive = new TarBuilder().File("large"u8.ToArray(), large).Directory("d").File("d/small", $"{number}").ToArray();
            byte[] layer = number % 2 == 0 ? CompressionTests.Gzip(archive) : CompressionTests.Zstandard(archive);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            Task<LayerApplyResult> Apply(Stream content) => applier.ApplyAsync(
                new Descriptor { MediaType = MediaTypes.DockerLayer, Digest = Digest.Sha256(layer), Size = layer.Length }, content, [Mount.Bind(tree)], new StopAt(stop, number % 4 == 3 ? layer.Length / 2 : long.MaxValue), stop.Token);
            switch (number % 4)
            {
                case 0:
                    LayerApplyResult result = await Apply(new MemoryStream(layer));
                    Assert.That((result.DiffId, result.Size, result.Entries), Is.EqualTo((Digest.Sha256(archive), archive.Length, 3)));
                    Assert.That(await File.ReadAllBytesAsync(Path.Join(tree, "large"), cancellationToken), Is.EqualTo(large));
                    Assert.That(await File.ReadAllTextAsync(Path.Join(tree, "d", "small"), cancellationToken), Is.EqualTo($"{number}"));
                    break;
                case 1:
                    ContainerdException damaged = Assert.ThrowsAsync<ContainerdException>(() => Apply(new TrickleStream(layer[..^(layer.Length / 3)], 90_000)))!;
                    Assert.That(damaged.Kind, Is.EqualTo(ErrorKind.DataCorrupted));
                    break;
                case 2:
                    Assert.ThrowsAsync<TimeZoneNotFoundException>(() => Apply(new FailingStream(layer[..(layer.Length / 2)])), "the stream's own exception");
                    break;
                default:
                    OperationCanceledException stopped = Assert.CatchAsync<OperationCanceledException>(() => Apply(new MemoryStream(layer)))!;
                    Assert.That(stopped.CancellationToken, Is.EqualTo(stop.Token));
                    break;
            }
        }
    }

    [Test]
    public async Task WhatHasEndedOccupiesNoProcessor()
    {
        var layers = new LayersInWork(processors: 2);
        byte[] archive = new TarBuilder().File("f", "x").ToArray();
        LayerPipeline Begin(byte[] layer) => new(new MemoryStream(layer), MediaTypes.DockerLayer, new TarLayerApplierOptions(), layers, null, CancellationToken.None);
        LayerPipeline first = Begin(archive);
        Assert.That(layers.OccupyAllProcessors, Is.False);
        LayerPipeline second = Begin(CompressionTests.Gzip(archive)[..40]);
        Assert.That(layers.OccupyAllProcessors, Is.True);
        Assert.That((await first.FinishAsync(CancellationToken.None)).DiffId, Is.EqualTo(Digest.Sha256(archive)));
        Assert.ThrowsAsync<ContainerdException>(() => second.FinishAsync(CancellationToken.None));
        await first.DisposeAsync();
        Assert.That(layers.OccupyAllProcessors, Is.False);
        await second.DisposeAsync();
    }

    /// <summary>A thread that runs all stages of a layer, which never wait for anything, still is not the layer's alone.</summary>
    [Test]
    public async Task OtherWorkIsNotKeptWaiting()
    {
        using var scratch = new LayerScratch("/dev/shm");
        string file = Path.Join(scratch.Root, "layer");
        await File.WriteAllBytesAsync(file, CompressionTests.Gzip(new TarBuilder().File("large"u8.ToArray(), CompressionRun.Sample(32 << 20)).ToArray()));
        using Process child = LayerChild.StartWithOneThread("share", scratch.Tree, file);
        string output = await child.StandardOutput.ReadToEndAsync();
        await child.WaitForExitAsync();
        Assert.That(child.ExitCode, Is.Zero, await child.StandardError.ReadToEndAsync());
        Assert.That(int.Parse(output, CultureInfo.InvariantCulture), Is.GreaterThan(10), "times that other work had its turn");
    }

    /// <summary>The caller's thread waits, as that of a window may: nothing goes on there.</summary>
    [Test, CancelAfter(60_000)]
    public async Task NothingRunsOnTheCallersThread(CancellationToken cancellationToken)
    {
        using var scratch = new LayerScratch("/dev/shm");
        byte[] layer = new TarBuilder().File("large"u8.ToArray(), CompressionRun.Sample(16 << 20)).ToArray();
        var descriptor = new Descriptor { MediaType = MediaTypes.OciLayer, Digest = Digest.Sha256("a layer"u8), Size = layer.Length };
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] busy = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(
            async () =>
            {
                while (!stop.IsCancellationRequested)
                    await Task.Yield();
            },
            cancellationToken))];
        var context = new CountingContext();
        Task applying = Task.Factory.StartNew(
            () =>
            {
                SynchronizationContext.SetSynchronizationContext(context);
                new TarLayerApplier(new TarLayerApplierOptions { Processors = 1 }).ApplyAsync(descriptor, new MemoryStream(layer), [Mount.Bind(scratch.Tree)]).GetAwaiter().GetResult();
            },
            cancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        await applying.WaitAsync(cancellationToken);
        await stop.CancelAsync();
        await Task.WhenAll(busy);
        Assert.That(context.Posts, Is.Zero);
    }

    private sealed class CountingContext : SynchronizationContext
    {
        private int _posts;

        public int Posts => _posts;

        public override void Post(SendOrPostCallback d, object? state) => Interlocked.Increment(ref _posts);
    }

    private sealed class StopAt(CancellationTokenSource stop, long bytes) : IProgress<long>
    {
        public void Report(long value)
        {
            if (value >= bytes)
                stop.Cancel();
        }
    }

    private sealed class FailingStream(byte[] data) : MemoryStream(data)
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            Position < Length ? await base.ReadAsync(buffer, cancellationToken) : throw new TimeZoneNotFoundException();
    }
}
