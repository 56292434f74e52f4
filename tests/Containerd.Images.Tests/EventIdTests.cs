using System.Reflection;
using Microsoft.Extensions.Logging;

namespace Containerd.Images.Tests;

/// <summary>Whoever filters by event ID alone must not get another event of the suite.</summary>
public sealed class EventIdTests
{
    [Test]
    public void EventIdsAreUniqueAndInThePackagesRange()
    {
        int[] ids =
        [
            .. typeof(ImageService).Assembly.GetTypes()
                .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
                .Select(method => method.GetCustomAttribute<LoggerMessageAttribute>()?.EventId)
                .OfType<int>(),
        ];
        Assert.That(ids, Is.Not.Empty.And.Unique.And.All.InRange(2000, 2999));
    }
}
