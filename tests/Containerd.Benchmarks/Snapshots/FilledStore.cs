using System.Diagnostics;
using System.Globalization;
using System.Text;
using Containerd.Snapshots;
using Spectre.Console;

namespace Containerd.Benchmarks;

/// <summary>A store of the overlay snapshotter with a given number of snapshots in it, of the shapes that stores have.</summary>
internal sealed class FilledStore : IAsyncDisposable
{
    /// <summary>How many layers the image has that most of the store is based on.</summary>
    public const int ImageLayers = 10;

    private readonly string _directory;
    private readonly List<string> _names = [];
    private OverlaySnapshotter? _snapshotter;

    private FilledStore(string directory, int count)
    {
        _directory = directory;
        Name = string.Create(CultureInfo.InvariantCulture, $"{count:N0} snapshots");
    }

    /// <summary>How it is called among the sides of a comparison.</summary>
    public string Name { get; }

    /// <summary>Every key and name in it.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>The bottom layer of the image.</summary>
    public string BottomLayer => _names[0];

    /// <summary>The topmost of the image's ten layers.</summary>
    public string TopLayer => _names[ImageLayers - 1];

    /// <summary>The snapshotter that has it open.</summary>
    public ISnapshotter Snapshotter => _snapshotter ?? throw new InvalidOperationException("The store is not open.");

    /// <summary>Makes one, through the snapshotter as any host would.</summary>
    public static async Task<FilledStore> FillAsync(Bench bench, int count, CancellationToken cancellationToken)
    {
        var store = new FilledStore(bench.Workspace.NewDirectory("snapshots"), count);
        try
        {
            long start = Stopwatch.GetTimestamp();
            await store.OpenAsync(Durability.Relaxed);
            for (int layer = 0; layer < ImageLayers; layer++)
                await store.CommitAsync(layer == 0 ? null : store._names[^1], cancellationToken);
            for (int i = 0; store._names.Count < count; i++)
                await store.AddAsync(i % 100, cancellationToken);
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            AnsiConsole.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"  [grey]filled with[/] {store.Name} [grey]in[/] {seconds:F2} s");
            return store;
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    /// <summary>Opens it with a durability, after closing it where it is open.</summary>
    public async Task OpenAsync(Durability durability)
    {
        if (_snapshotter is not null)
            await _snapshotter.DisposeAsync();
        _snapshotter = new OverlaySnapshotter(new OverlaySnapshotterOptions { Root = _directory, Durability = durability });
    }

    /// <summary>Removes those of some snapshots that exist, the last first, and what they have left on disk.</summary>
    public async Task RemoveAsync(IReadOnlyList<string> names)
    {
        foreach (string name in names.Reverse())
        {
            if (await Snapshotter.FindAsync(name) is not null)
                await Snapshotter.RemoveAsync(name);
        }
        await Snapshotter.CleanupAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_snapshotter is not null)
            await _snapshotter.DisposeAsync();
        await Workspace.RemoveAsync(_directory);
    }

    /// <summary>A name as unpacked layers have it.</summary>
    public static string LayerName(string seed) => Digest.Sha256(Encoding.UTF8.GetBytes(seed)).ToString();

    // Of a hundred: forty layers on the image, two further images of twenty layers, fifteen containers and five views of the image.
    private async Task AddAsync(int place, CancellationToken cancellationToken)
    {
        if (place < 40)
            await CommitAsync(TopLayer, cancellationToken);
        else if (place < 80)
            await CommitAsync(place % 20 == 0 ? null : _names[^1], cancellationToken);
        else if (place < 95)
            await Snapshotter.PrepareAsync(Named($"container-{_names.Count}"), TopLayer, cancellationToken: cancellationToken);
        else
            await Snapshotter.ViewAsync(Named($"view-{_names.Count}"), TopLayer, cancellationToken: cancellationToken);
    }

    private async Task CommitAsync(string? parent, CancellationToken cancellationToken)
    {
        string name = LayerName($"layer {_names.Count}");
        await Snapshotter.PrepareAsync("extract", parent, cancellationToken: cancellationToken);
        await Snapshotter.CommitAsync(Named(name), "extract", cancellationToken: cancellationToken);
    }

    private string Named(string name)
    {
        _names.Add(name);
        return name;
    }
}
