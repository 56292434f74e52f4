using System.Reflection;
using Microsoft.Extensions.Logging;

namespace Containerd.Snapshots;

/// <summary>Whoever filters by event ID alone must not get another event of the suite.</summary>
public class EventIdTests
{
    [Test]
    public void Event_ids_are_unique_and_in_the_packages_range()
    {
        int[] ids =
        [
            .. typeof(OverlaySnapshotter).Assembly.GetTypes()
                .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
                .Select(method => method.GetCustomAttribute<LoggerMessageAttribute>()?.EventId)
                .OfType<int>(),
        ];
        Assert.That(ids, Is.Not.Empty.And.Unique.And.All.InRange(3000, 3999));
    }
}
