namespace Containerd.Images.Tests;

/// <summary>Who extracts when not all can.</summary>
public sealed class ExtractionPlacesTests
{
    [Test]
    public async Task AFreePlaceGoesToTheLowestLayerOfTheEarliestCall()
    {
        var places = new ExtractionPlaces(1);
        long first = places.NextCall(), second = places.NextCall();
        await places.TakeAsync(first, 3, CancellationToken.None);
        List<(long Call, int Layer)> order = [];
        (long Call, int Layer)[] layers = [(second, 0), (first, 7), (second, 1), (first, 4), (first, 11)];
        Task[] waiting = [.. layers.Select(async layer =>
        {
            await places.TakeAsync(layer.Call, layer.Layer, CancellationToken.None);
            order.Add(layer);
            places.Release();
        })];
        Assert.That(waiting.Select(task => task.IsCompleted), Is.All.False);
        places.Release();
        await Task.WhenAll(waiting);
        Assert.That(order, Is.EqualTo(((long, int)[])[(first, 4), (first, 7), (first, 11), (second, 0), (second, 1)]));
    }

    [Test]
    public async Task NoMoreAreGivenThanThereAre()
    {
        var places = new ExtractionPlaces(2);
        long call = places.NextCall();
        Task[] taken = [.. Enumerable.Range(0, 4).Select(layer => places.TakeAsync(call, layer, CancellationToken.None))];
        Assert.That(taken.Select(task => task.IsCompleted), Is.EqualTo((bool[])[true, true, false, false]));
        places.Release();
        await taken[2].WaitAsync(TimeSpan.FromSeconds(30));
        Assert.That(taken[3].IsCompleted, Is.False);
        places.Release();
        await taken[3].WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Test]
    public async Task WhoStopsWaitingLeavesThePlaceToTheNext()
    {
        var places = new ExtractionPlaces(1);
        long call = places.NextCall();
        using var stop = new CancellationTokenSource();
        await places.TakeAsync(call, 0, CancellationToken.None);
        Task given = places.TakeAsync(call, 1, stop.Token), next = places.TakeAsync(call, 2, CancellationToken.None);
        await stop.CancelAsync();
        Assert.That(async () => await given, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(next.IsCompleted, Is.False);
        places.Release();
        await next.WaitAsync(TimeSpan.FromSeconds(30));

        places.Release();
        await places.TakeAsync(call, 3, CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(30));
        Assert.That(async () => await places.TakeAsync(call, 4, stop.Token), Throws.InstanceOf<OperationCanceledException>());
    }

    [Test]
    public async Task APlaceIsGivenOrTheWaitIsStoppedButNotBoth()
    {
        var places = new ExtractionPlaces(1);
        long call = places.NextCall();
        for (int i = 0; i < 2_000; i++)
        {
            using var stop = new CancellationTokenSource();
            await places.TakeAsync(call, 0, CancellationToken.None);
            Task waiting = places.TakeAsync(call, 1, stop.Token);
            Task released = Task.Run(places.Release, CancellationToken.None);
            await stop.CancelAsync();
            await released;
            try
            {
                await waiting;
                places.Release();
            }
            catch (OperationCanceledException)
            {
            }
            await places.TakeAsync(call, 2, CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(30));
            places.Release();
        }
    }
}
